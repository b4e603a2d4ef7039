"""The figure of a suite: delta_m of its rows, over a number, or the experts' gate weights.

Legend: S steps, N routers, E experts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mtl_ase.evaluation.spread import Spread
from mtl_ase.suites.outcome import Outcome
from mtl_ase.suites.suite import Suite
from mtl_ase.suites.table import GAIN

OURS, PAPER = "#20639b", "#8a8a8a"
COLOURS = ("#20639b", "#c23b22", "#2a9d5c", "#8e5ea2")
MARKERS = ("o", "s", "^", "D")
PLAIN_SVG: Any = {"svg.hashsalt": "suite", "svg.fonttype": "none"}
"""The same figure is the same file, byte for byte."""


def save(figure: Figure, stem: Path) -> None:
    """Write STEM.png and STEM.svg, without dates."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(PLAIN_SVG):
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    figure.savefig(stem.with_suffix(".png"), dpi=130, metadata={"Software": None})


def points(suite: Suite, found: Sequence[Outcome]) -> Figure:
    """delta_m of every row and what it gains over the baseline, the paper's delta_m beside them.

    Means with 95 % intervals and every seed. The reference's own row has no gain over the baseline:
    its networks, of one task each, would set the panel's scale.
    """
    published = {
        key: row.published[GAIN] for key, row in suite.rows.items() if GAIN in row.published
    }
    baseline = suite.rows[suite.baseline].title
    over = f" over {suite.rows[suite.reference].title}" if suite.reference else ""
    heads = [f"delta_m{over}, %", f"gain over {baseline}, %"]
    heads += [f"the paper's delta_m{over}, %"] if published else []
    size = (2.6 + 2.9 * len(heads), 1.1 + 0.3 * len(found))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(heads), sharey=True)
    for place, outcome in enumerate(found):
        _point(panels[0], place, outcome.gain)
        if outcome.row == suite.baseline:
            panels[1].plot(0, place, "o", color=OURS)
        elif outcome.row != suite.reference:
            _point(panels[1], place, outcome.over_baseline)
        if outcome.row in published:
            panels[2].plot(published[outcome.row], place, "o", color=PAPER)
    names = [suite.rows[outcome.row].title for outcome in found]
    panels[0].set_yticks(range(len(found)), names, fontsize=9)
    panels[0].set_ylim(len(found) - 0.5, -0.5)
    for axes, head in zip(panels, heads, strict=True):
        axes.axvline(0, color="#444444", linewidth=0.8, zorder=0)
        axes.grid(axis="x", color="#e6e6e6", zorder=0)
        axes.set_axisbelow(True)
        axes.set_xlabel(head, fontsize=9)
    return figure


def lines(suite: Suite, found: Sequence[Outcome]) -> Figure:
    """delta_m over the rows' `x`, a line for every series, with 95 % intervals and every seed."""
    figure = Figure(figsize=(5.6, 3.8), layout="constrained")
    axes = figure.subplots()
    by_series: dict[str, list[Outcome]] = {}
    for outcome in found:
        if (series := suite.rows[outcome.row].series) is not None:
            by_series.setdefault(series, []).append(outcome)
    places = sorted({row.x for row in suite.rows.values() if row.x is not None})
    apart = 0.012 * (places[-1] - places[0]) if places else 0.0
    for number, (series, members) in enumerate(by_series.items()):
        known = {suite.rows[o.row].x or 0.0: o.gain for o in members if o.gain.values}
        aside = apart * (number - (len(by_series) - 1) / 2)  # so that intervals can be told apart
        _line(axes, {x + aside: gain for x, gain in known.items()}, series, number)
    axes.set_xticks(places, [f"{x:g}" for x in places])
    axes.set_xlabel(suite.x_label)
    over = f" over {suite.rows[suite.reference].title}" if suite.reference else ""
    axes.set_ylabel(f"delta_m{over}, %")
    axes.grid(color="#e6e6e6", zorder=0)
    axes.set_axisbelow(True)
    axes.legend(frameon=False)
    return figure


def experts(routers: Mapping[str, Any], task: str, title: str) -> Figure:
    """Gate weights by layer and expert at a few steps of a training, for one task (Figure 4).

    Args:
        routers: as `router_steps` gives them.
        task: name of the task.
        title: of the network.
    """
    steps, gates = routers["steps"], routers["gates"][task]
    gate_SNE = [
        _gate_map([values[place] for values in gates.values()]) for place in range(len(steps))
    ]
    size = (1.6 + 2.6 * len(steps), max(2.2, 1.2 + 0.2 * len(gates)))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(steps), sharey=True, squeeze=False)[0]
    top = max(float(np.nanmax(gate_NE)) for gate_NE in gate_SNE)
    for axes, step, gate_NE in zip(panels, steps, gate_SNE, strict=True):
        picture = axes.imshow(gate_NE, aspect="auto", cmap="viridis", vmin=0, vmax=top)
        axes.set_title(f"step {step:,}", fontsize=10)
        axes.set_xlabel("expert (shared ones last)", fontsize=9)
    labels = [name.removesuffix(" ffn") for name in gates]
    panels[0].set_yticks(range(len(labels)), labels, fontsize=8)
    panels[0].set_ylabel("layer")
    figure.suptitle(f"{title}: {task.replace('_', ' ')}", fontsize=10)
    figure.colorbar(picture, ax=panels, label="mean gate weight")
    return figure


def _point(axes: Axes, place: int, spread: Spread) -> None:
    """A mean with its interval; strokes are single seeds."""
    if not spread.values:
        return
    seeds = list(spread.values.values())
    axes.plot(seeds, [place] * len(seeds), "|", color=OURS, alpha=0.6)
    axes.errorbar(spread.mean, place, xerr=spread.error_bar, fmt="o", color=OURS, capsize=3)


def _line(axes: Axes, gains: Mapping[float, Spread], series: str, number: int) -> None:
    """A line with intervals; faint dots are single seeds."""
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    margins = [gain.error_bar for gain in gains.values()]
    means = [gain.mean for gain in gains.values()]
    axes.errorbar(list(gains), means, margins, color=colour, marker=marker, capsize=3, label=series)
    for x, gain in gains.items():
        seeds = list(gain.values.values())
        axes.plot([x] * len(seeds), seeds, ".", color=colour, alpha=0.45, markersize=5)


def _gate_map(gate_NE: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """An array; NaN where a router has fewer experts than others."""
    filled_NE = np.full((len(gate_NE), max(map(len, gate_NE))), np.nan)
    for router, gate_E in enumerate(gate_NE):
        filled_NE[router, : len(gate_E)] = gate_E
    return filled_NE
