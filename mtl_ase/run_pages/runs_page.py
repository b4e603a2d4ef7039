"""The page of several runs: of a sweep, of a suite, or those that are named."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mtl_ase.evaluation import Comparison
from mtl_ase.evaluation.spread import Spread
from mtl_ase.run_pages.curves import loss_charts, score_charts
from mtl_ase.run_pages.document import write_page
from mtl_ase.run_pages.flat_config import Flat, without_seeds
from mtl_ase.run_pages.image_pairs import comparable, compare_images
from mtl_ase.run_pages.interval_chart import interval_chart
from mtl_ase.run_pages.line_chart import NUM_STYLES, Chart, Series, legend
from mtl_ase.run_pages.numbers import duration, millions
from mtl_ase.run_pages.parent_config import compare_configs
from mtl_ase.run_pages.run_content import RunContent
from mtl_ase.run_pages.score_table import ARROWS, DELTA_M, Score, directions, score_table, unit_of
from mtl_ase.run_pages.seed_groups import Group, seed_groups


@dataclass(frozen=True)
class Column:
    """A metric of the tables."""

    key: str
    arrow: tuple[str, str]
    unit: str


@dataclass(frozen=True)
class GroupRow:
    """Runs of one config, as a row.

    Attributes:
        group: the runs.
        spreads: means over seeds, a column each.
        over_first: gain over the first group.
        trained: number of trained parameters, as text.
        time: of the runs' last starts, mean, as text.
    """

    group: Group
    spreads: Sequence[Spread]
    over_first: Spread | None
    trained: str
    time: str


@dataclass(frozen=True)
class RunRow:
    """A run, as a row; `page` is the address of its own page, if there is one."""

    run: RunContent
    folder: str
    group: str
    page: str | None


@dataclass(frozen=True)
class ImagePair:
    """Two evaluated runs: a score of each, and how their images differ on average."""

    score: Score
    other: Score
    images: Comparison

    @property
    def size(self) -> float | None:
        """The size of the first score, which decides on the decimals."""
        return self.score.interval.value if self.score.interval else self.score.value


def write_runs_page(
    path: Path, title: str, runs: Sequence[RunContent], failed: Mapping[str, str]
) -> None:
    """Write the page of several runs.

    Args:
        path: the HTML file.
        title: its heading.
        runs: the runs, at least one; the first is what the others are compared with.
        failed: jobs without a run: what went wrong, by the name of the folder.

    Raises:
        UserError: the file can't be written.
    """
    groups = seed_groups(runs)
    columns = _columns(runs)
    rows = _group_rows(groups, columns)
    shown = runs[:NUM_STYLES]
    names = _short_names(shown, groups)
    logs = {name: run.log for name, run in zip(names, shown, strict=True)}
    scored = {key: metric for run in runs for key, metric in run.scored.items()}
    write_page(
        path,
        "runs.html",
        {
            "title": title,
            "columns": columns,
            "groups": rows,
            "single": len(groups) == 1,
            "seeds": any(len(group.runs) > 1 for group in groups),
            "intervals": _interval_charts(columns, rows),
            "runs": _run_rows(runs, groups, path),
            "failed": failed,
            "pairs": _image_pairs(runs),
            "group_names": [group.name for group in groups],
            "differences": compare_configs([_config(group) for group in groups]),
            "losses": loss_charts(logs),
            "validations": score_charts(logs, unit_of(scored), directions(scored)),
            "lines": legend([Series(name, [], style) for style, name in enumerate(logs)]),
            "left_out": len(runs) - len(shown),
        },
    )


def _columns(runs: Sequence[RunContent]) -> list[Column]:
    """The headline metrics of all tasks, then delta_m."""
    scored = {key: metric for run in runs for key, metric in run.scored.items()}
    better, units = directions(scored), unit_of(scored)
    keys = dict.fromkeys(task.headline_key for run in runs for task in run.tasks.values())
    return [Column(key, ARROWS[better[key]], units[key]) for key in (*keys, DELTA_M)]


def _group_rows(groups: Sequence[Group], columns: Sequence[Column]) -> list[GroupRow]:
    better = {c.key: c.arrow == ARROWS[True] for c in columns if c.key != DELTA_M}
    rows = []
    for group in groups:
        runs = list(group.runs.values())
        seconds = [run.seconds for run in runs if run.seconds is not None]
        rows.append(
            GroupRow(
                group,
                [group.spread(column.key) for column in columns],
                None if group is groups[0] else group.over(groups[0], better),
                millions(runs[0].total.trainable),
                duration(sum(seconds) / len(seconds) if seconds else None),
            )
        )
    return rows


def _interval_charts(columns: Sequence[Column], rows: Sequence[GroupRow]) -> list[Chart]:
    names = [row.group.name for row in rows]
    charts = []
    for place, column in enumerate(columns):
        note = ", ".join(filter(None, (column.unit, column.arrow[1])))
        spreads = [row.spreads[place] for row in rows]
        charts.append(interval_chart(column.key, note, names, spreads))
    return [chart for chart in charts if chart is not None]


def _run_rows(runs: Sequence[RunContent], groups: Sequence[Group], path: Path) -> list[RunRow]:
    group_of = {id(run): group.name for group in groups for run in group.runs.values()}
    rows = []
    for run in runs:
        page = run.files.page
        relative = os.path.relpath(page.resolve(), path.resolve().parent)
        address = f"./{quote(relative)}" if page.is_file() else None
        rows.append(RunRow(run, run.files.path.resolve().name, group_of[id(run)], address))
    return rows


def _short_names(runs: Sequence[RunContent], groups: Sequence[Group]) -> list[str]:
    """A name for each line of the curves: its group's, with the seed."""
    told = {id(r): f"{g.name}, seed {seed}" for g in groups for seed, r in g.runs.items()}
    return [told[id(run)] for run in runs]


def _config(group: Group) -> Flat:
    return without_seeds(next(iter(group.runs.values())).flat)


def _image_pairs(runs: Sequence[RunContent]) -> dict[str, list[ImagePair]]:
    """The comparisons of evaluated runs with the first evaluated one, by their names."""
    evaluated = [run for run in runs if run.evaluation.images]
    found: dict[str, list[ImagePair]] = {}
    for other in evaluated[1 : NUM_STYLES + 1]:
        first = evaluated[0]
        if not comparable(first.evaluation, other.evaluation):
            continue
        scores, others = ({s.key: s for s in _scores(run)} for run in (first, other))
        pairs = []
        for key in first.evaluation.by_image:
            images = compare_images(key, first.evaluation, other.evaluation)
            if images is not None and key in scores and key in others:
                pairs.append(ImagePair(scores[key], others[key], images))
        names = [run.files.path.resolve().name for run in (first, other)]
        found[f"{names[1]} against {names[0]}"] = pairs
    return found


def _scores(run: RunContent) -> list[Score]:
    return score_table(run.tasks, run.scored, run.metrics, {}, {}, run.evaluation.scores)
