"""Cosines between the tasks' gradients, from gradients.csv. Legend: K pairs, S steps, L layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl_ase.base.csv_rows import Rows


class GradientCosines(NamedTuple):
    """The cosines of a run.

    Attributes:
        steps: the logged steps.
        layers: names of the layers; "all" are all shared parameters.
        pairs: names of two tasks.
        cosine_KSL: the cosines; NaN where one is not known.
    """

    steps: Sequence[str]
    layers: Sequence[str]
    pairs: Sequence[tuple[str, str]]
    cosine_KSL: NDArray[np.float64]


def gradient_cosines(rows: Rows) -> GradientCosines:
    """The cosines in the rows of gradients.csv."""
    steps = list(dict.fromkeys(row["step"] for row in rows))
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    pairs = list(dict.fromkeys((row["task"], row["other"]) for row in rows))
    cosine_KSL = np.full((len(pairs), len(steps), len(layers)), np.nan)
    for row in rows:
        pair = pairs.index((row["task"], row["other"]))
        place = pair, steps.index(row["step"]), layers.index(row["layer"])
        cosine_KSL[place] = float(row["cosine"])
    return GradientCosines(steps, layers, pairs, cosine_KSL)


def mean_over_steps(cosine_KSL: NDArray[np.float64]) -> NDArray[np.float64]:
    """mean_KL; NaN where nothing is known."""
    known_KL = np.isfinite(cosine_KSL).sum(1)
    return np.where(known_KL, np.nansum(cosine_KSL, 1) / np.maximum(known_KL, 1), np.nan)
