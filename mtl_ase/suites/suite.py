"""What a suite is: rows of runs that end as one table and one figure, read from a YAML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from mtl_ase.base.errors import UserError
from mtl_ase.config import CONFIGS

SUITES = Path(__file__).with_name("files")
Figure = Literal["points", "lines", "experts", "costs"]
T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """A row of the table: one network, trained with every seed.

    Attributes:
        title: as the table names it.
        overrides: of train.py.
        alone: it is trained on every task alone, and its row joins their scores.
        starts_from: the row whose finished single-task runs it starts from, as
            `model.encoder.stl`; the runs of the same seed.
        published: the paper's values by metric, and `delta_m`.
        series: line of the figure that it belongs to, where that has lines.
        x: its place on that line.
    """

    title: str
    overrides: Sequence[str]
    alone: bool = False
    starts_from: str | None = None
    published: Mapping[str, float] = field(default_factory=dict)
    series: str | None = None
    x: float | None = None


@dataclass(frozen=True)
class Suite:
    """Rows that are compared.

    Attributes:
        title: head of table and figure.
        baseline: the row that all others are compared with, seed by seed.
        rows: by name.
        overrides: of all rows.
        seeds: of the runs, unless the command line names others.
        budget: how long the runs are, unless the command line says so.
        reference: the row, trained on every task alone, that delta_m is relative to; None: the
            reference of the runs' own config.
        figure: points: delta_m of every row; lines: over `x`, a line for every series; experts:
            gate weights by layer and expert in the course of the training; costs: gain over the
            baseline and time of a step, the best row first, which the table then has, too.
        metrics: metrics in place of the tasks' headlines, by task.
        x_label: of a figure with lines.
        routers: the table also tells whether the routers are alive.
    """

    title: str
    baseline: str
    rows: Mapping[str, Row]
    overrides: Sequence[str] = ()
    seeds: Sequence[int] = (0, 1, 2)
    budget: str = "full"
    reference: str | None = None
    figure: Figure = "points"
    metrics: Mapping[str, str] = field(default_factory=dict)
    x_label: str = ""
    routers: bool = False


@dataclass(frozen=True)
class RowsOf:
    """Rows of a suite that are found: one for every file of a config group.

    Attributes:
        group: the config group, whose files are named as the rows.
        left_out: files of the group that are no rows.
    """

    group: str
    left_out: Sequence[str] = ()

    def rows(self) -> dict[str, dict[str, Any]]:
        """The content of the rows by name."""
        names = sorted(path.stem for path in (CONFIGS / self.group).glob("*.yaml"))
        return {
            name: {"title": f"`{name}`", "overrides": [f"{self.group}={name}"]}
            for name in names
            if name not in self.left_out
        }


@dataclass(frozen=True)
class Budget:
    """How long every run of a suite is.

    Attributes:
        steps: optimiser steps.
        overrides: those that make it so.
    """

    steps: int
    overrides: Sequence[str]


@dataclass(frozen=True)
class Setting:
    """What all runs of a suite have in common: the data and the size of the networks.

    Attributes:
        title: in words.
        overrides: of train.py.
        budgets: by name; "full" and "quick" at least.
        tflops: rate of arithmetic, 10^12 FLOPs a second, to assume for estimates; None: as measured
            on this machine.
        overhead_s: seconds of a run besides its steps, for estimates.
    """

    title: str
    overrides: Sequence[str]
    budgets: Mapping[str, Budget]
    tflops: float | None = None
    overhead_s: float = 60.0


def suite_names() -> list[str]:
    """The suites that come with the package."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def read_suite(name: str) -> Suite:
    """Read a suite by its name, or by the path of a YAML file of your own.

    Raises:
        UserError: there is none, or the file is wrong.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else SUITES / f"{name}.yaml"
    if not path.is_file():
        raise UserError(
            f"there is no suite {name}; choose one of {', '.join(suite_names())}, or give a YAML "
            "file of your own."
        )
    content = _read(path)
    if (found := content.pop("rows_of", None)) is not None:
        content["rows"] = _made(RowsOf, found, f"{path}: rows_of").rows() | content.get("rows", {})
    rows = {key: _made(Row, row, f"{path}: row {key}") for key, row in _part(content, "rows", path)}
    suite = _made(Suite, {**content, "rows": rows}, str(path))
    for key in (suite.reference, suite.baseline, *(r.starts_from for r in rows.values())):
        if key is not None and key not in rows:
            raise UserError(f"{path} names the row {key}, which is not there; add it to rows.")
    if suite.figure not in get_args(Figure):
        known = ", ".join(get_args(Figure))
        raise UserError(f"{path}: figure {suite.figure} is none of {known}.")
    needed = [suite.reference, *(row.starts_from for row in rows.values())]
    for key in filter(None, needed):
        if not rows[key].alone:
            raise UserError(f"{path}: row {key} needs alone: true, as others depend on its tasks.")
    return suite


def read_setting(name: str) -> Setting:
    """Read the setting of a suite.

    Raises:
        UserError: there is no such setting, or its file is wrong.
    """
    path = SUITES / "setting" / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.yaml")))
        raise UserError(f"setting={name} is no setting of suites; choose one of {known}.")
    content = _read(path)
    parts = _part(content, "budgets", path)
    budgets = {key: _made(Budget, part, f"{path}: budget {key}") for key, part in parts}
    return _made(Setting, {**content, "budgets": budgets}, str(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
    except (OmegaConfBaseException, YAMLError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} can't be read as YAML ({reason}); mend it.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is no suite; it needs keys such as title and rows.")
    return {str(key): value for key, value in content.items()}


def _part(content: Mapping[str, Any], key: str, path: Path) -> list[tuple[str, Any]]:
    part = content.get(key)
    if not isinstance(part, dict) or not part:
        raise UserError(f"{path} has no {key}; name at least one.")
    return [(str(name), value) for name, value in part.items()]


def _made(kind: type[T], content: Any, where: str) -> T:
    """An object of a dataclass; its keys are checked."""
    known = {f.name: f.default is MISSING and f.default_factory is MISSING for f in fields(kind)}  # type: ignore[arg-type]
    given = dict(content) if isinstance(content, dict) else {}
    if unknown := sorted(set(given) - set(known)):
        raise UserError(f"{where} has the unknown key {unknown[0]}; there are {', '.join(known)}.")
    if missing := [key for key, needed in known.items() if needed and key not in given]:
        raise UserError(f"{where} has no {missing[0]}; add it.")
    return kind(**given)
