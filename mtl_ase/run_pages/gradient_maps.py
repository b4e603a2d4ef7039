"""Heat maps of the cosines between the tasks' gradients. Legend: K pairs, S steps, L layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mtl_ase.base.csv_rows import Rows
from mtl_ase.report.gradient_cosines import gradient_cosines, mean_over_steps
from mtl_ase.run_pages.colour_scale import DIVERGING
from mtl_ase.run_pages.heat_map import colour_bar, heat_map
from mtl_ase.run_pages.numbers import spread_out

WHOLE = "all"
MOST_STEPS = 40
WIDTH = 420


@dataclass(frozen=True)
class Pair:
    """Two tasks and the mean cosine of their gradients.

    Attributes:
        names: of the tasks.
        mean: over the logged steps, of all shared parameters.
        conflicts: percent of the logged steps in which it was negative.
    """

    names: str
    mean: float
    conflicts: float


@dataclass(frozen=True)
class GradientMaps:
    """Cosines over steps, by layer, and as a table."""

    over_steps: Markup
    by_layer: Markup | None
    bar: Markup
    pairs: Sequence[Pair]


def gradient_maps(rows: Rows) -> GradientMaps | None:
    """The heat maps of a run; None without gradients.csv.

    Args:
        rows: of the run's gradients.csv.
    """
    if not rows:
        return None
    steps, layers, pairs, cosine_KSL = gradient_cosines(rows)
    names = [" - ".join(pair).replace("_", " ") for pair in pairs]
    whole_KS = cosine_KSL[:, :, layers.index(WHOLE)] if WHOLE in layers else cosine_KSL.mean(2)
    shown = list(spread_out(len(steps), MOST_STEPS))
    told = f"cosines of {len(pairs)} pairs of tasks (rows)"
    below = "negative where they conflict; the table below has the means."
    over_steps = heat_map(
        whole_KS[:, shown],
        names,
        (-1, 1),
        DIVERGING,
        f"Heat map, {told} over steps (columns), {below}",
        [steps[place] for place in shown],
        width=WIDTH,
    )
    inner = [number for number, layer in enumerate(layers) if layer != WHOLE]
    by_layer = None
    if inner:
        by_layer = heat_map(
            mean_over_steps(cosine_KSL[:, :, inner]),
            names,
            (-1, 1),
            DIVERGING,
            f"Heat map, mean {told} by layer (columns), {below}",
            [layers[number].removeprefix("block ") for number in inner],
            width=WIDTH,
        )
    bar = colour_bar(("-1", "1"), DIVERGING)
    return GradientMaps(over_steps, by_layer, bar, _pairs(names, whole_KS))


def _pairs(names: Sequence[str], whole_KS: NDArray[np.float64]) -> list[Pair]:
    found = []
    for name, cosine_S in zip(names, whole_KS, strict=True):
        known = cosine_S[np.isfinite(cosine_S)]
        if len(known):
            found.append(Pair(name, float(known.mean()), 100 * float((known < 0).mean())))
    return found
