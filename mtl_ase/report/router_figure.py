"""Figure of the routers' health in the course of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mtl_ase.report.figures import save_figure
from mtl_ase.training.router_health import RouterHealth

COLOURS = ("#20639b", "#c23b22", "#2a9d5c", "#8e5ea2", "#c98a1b", "#3aa6a6", "#777777")
DASHES = ("-", "--", "-.", ":")


def draw_router_health(health: Sequence[RouterHealth], path: Path) -> None:
    """Plot the shared experts' weight, the tokens' variety, and tasks apart and idle experts.

    Args:
        health: of every logged step.
        path: the image file to write.
    """
    figure = Figure(figsize=(11.5, 3.1), layout="constrained")
    panels = figure.subplots(1, 3)
    steps = [each.step for each in health]
    _by_task(panels[0], steps, [each.shared or {} for each in health])
    panels[0].set_title("weight of the shared experts", fontsize=10)
    if (uniform := health[-1].uniform) is not None:
        panels[0].axhline(uniform, color="#999999", linewidth=0.8, zorder=0)
        label = "S / (k + S)"
        panels[0].annotate(label, (steps[0], uniform), fontsize=8, color="#777777", va="bottom")
    _by_task(panels[1], steps, [each.token_entropy or {} for each in health])
    panels[1].set_title("tokens of a task differ (entropy)", fontsize=10)
    information, idle = ([getattr(each, key) for each in health] for key in ("information", "idle"))
    panels[2].plot(steps, information, color=COLOURS[0], label="information on the task")
    panels[2].plot(steps, idle, color=COLOURS[1], ls="--", label="idle experts")
    panels[2].set_title("tasks apart, experts idle", fontsize=10)
    panels[2].legend(frameon=False, fontsize=8)
    panels[0].set_ylim(0, 1.15 * panels[0].get_ylim()[1])
    for axes in panels:
        axes.set_xlabel("step")
        axes.grid(color="#eeeeee", zorder=0)
    for axes in panels[1:]:
        axes.set_ylim(0, 1.02)
    if panels[1].lines:
        panels[1].legend(frameon=False, fontsize=7)
    save_figure(figure, path)


def _by_task(axes: Axes, steps: Sequence[int], values: Sequence[Mapping[str, float]]) -> None:
    for number, task in enumerate(values[0]):
        axes.plot(
            steps,
            [of_step[task] for of_step in values],
            color=COLOURS[number % len(COLOURS)],
            ls=DASHES[number % len(DASHES)],
            label=task.replace("_", " "),
        )
