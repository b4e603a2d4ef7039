"""The runs of a suite: overrides, and a name that is the same in every suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtl_ase.launch.child_training import quoted
from mtl_ase.suites.suite import Row, Setting, Suite
from mtl_ase.sweeps.job_folder import fingerprint, safe
from mtl_ase.sweeps.overrides import key_of, leaf, value_of

PLACE_KEYS = ("data.root", "data.num_workers", "hydra.searchpath")
"""Keys that say where and not what: runs that differ in them alone are the same run."""


@dataclass(frozen=True)
class SuiteRun:
    """One training of a suite.

    Attributes:
        row: name of its row.
        seed: of the training.
        task: the only task, where the row is trained on every task alone.
        own: the overrides of its row.
        overrides: all of train.py, without the folders of other runs that it starts from.
        starts_from: the runs that it starts from, one for each task.
    """

    row: str
    seed: int
    task: str | None
    own: tuple[str, ...]
    overrides: tuple[str, ...]
    starts_from: tuple[SuiteRun, ...] = ()

    @property
    def name(self) -> str:
        """Name of its folder, a function of what is trained: a part to read, and a hash."""
        what = [item for item in self.overrides if key_of(item) not in PLACE_KEYS]
        what += [f"starts_from={run.name}" for run in self.starts_from]
        parts = [_readable(item) for item in self.own]
        parts += [self.task] if self.task else []
        return "-".join([*parts, f"seed_{self.seed}", fingerprint(what)])

    def command_overrides(self, runs: Path) -> list[str]:
        """All overrides of train.py but `run_dir`.

        Args:
            runs: the folder of the run folders.
        """
        if not self.starts_from:
            return list(self.overrides)
        folders = ",".join(quoted(runs / run.name) for run in self.starts_from)
        return [*self.overrides, f"model.encoder.stl=[{folders}]"]


def runs_of_row(
    name: str,
    suite: Suite,
    setting: Setting,
    budget: str,
    seed: int,
    tasks: Sequence[str],
    given: Sequence[str],
) -> list[SuiteRun]:
    """The trainings that make a row with one seed: one, or one for every task.

    Args:
        name: of the row.
        suite: the row's suite.
        setting: what all runs have in common.
        budget: name of one of the setting's budgets.
        seed: of the trainings.
        tasks: names of all tasks.
        given: the user's own overrides.
    """
    row: Row = suite.rows[name]
    length = setting.budgets[budget].overrides
    common = (*setting.overrides, *suite.overrides, *row.overrides, *length, *given)
    run = SuiteRun(name, seed, None, tuple(row.overrides), (*common, f"seed={seed}"))
    if row.alone:
        return [
            replace(run, task=task, overrides=(*run.overrides, f"tasks=[{task}]")) for task in tasks
        ]
    if row.starts_from is None:
        return [run]
    stl = runs_of_row(row.starts_from, suite, setting, budget, seed, tasks, given)
    return [replace(run, starts_from=tuple(stl))]


def with_needed(runs: Sequence[SuiteRun]) -> Iterator[SuiteRun]:
    """The runs, each after those that it starts from, none twice."""
    seen: set[str] = set()
    for run in runs:
        for each in (*run.starts_from, run):
            if each.name not in seen:
                seen.add(each.name)
                yield each


def _readable(override: str) -> str:
    """An experiment by its name, e.g. "ase"; another override with its key: "top_k_4"."""
    key = leaf(key_of(override))
    return safe(value_of(override) if key == "experiment" else f"{key}_{value_of(override)}")
