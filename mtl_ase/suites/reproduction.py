"""A suite in a setting: its runs, what they reached, what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_tasks
from mtl_ase.config import run_once
from mtl_ase.evaluation import Scorer
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.estimate import Estimate, rate_here
from mtl_ase.suites.outcome import Outcome, outcomes
from mtl_ase.suites.result import Results
from mtl_ase.suites.suite import Setting, Suite, read_setting, read_suite
from mtl_ase.suites.suite_run import SuiteRun, runs_of_row, with_needed


@dataclass
class Reproduction:
    """A suite in a setting, with its runs and results.

    Args:
        arguments: the command line.

    Raises:
        UserError: there is no such suite, setting, budget or row.
    """

    arguments: Arguments
    suite: Suite = field(init=False)
    setting: Setting = field(init=False)

    def __post_init__(self) -> None:
        self.suite = read_suite(self.arguments.suite)
        self.setting = read_setting(self.arguments.setting)
        self.budget = self.arguments.budget or self.suite.budget
        if self.budget not in self.setting.budgets:
            known = ", ".join(self.setting.budgets)
            raise UserError(f"budget={self.budget} is none of {known}.")
        if unknown := [row for row in self.arguments.rows if row not in self.suite.rows]:
            known = ", ".join(self.suite.rows)
            raise UserError(f"rows={unknown[0]} is no row of the suite; there are {known}.")
        self.seeds = self.arguments.seeds or tuple(self.suite.seeds)
        self.results = Results(self.arguments.output / "results")
        self.runs = self.arguments.output / "runs"
        whole = next(name for name, row in self.suite.rows.items() if not row.alone)
        found = partial(directions, metrics=self.suite.metrics)
        self.directions = run_once(found, self.overrides_of(whole))
        self.tasks = [key.partition("/")[0] for key in self.directions]

    def overrides_of(self, row: str) -> list[str]:
        """The overrides of a row's network, whatever its seed and however long it is trained."""
        common = (*self.setting.overrides, *self.suite.overrides)
        return [*common, *self.suite.rows[row].overrides, *self.arguments.given]

    def runs_of(self, row: str, seed: int) -> list[SuiteRun]:
        """The runs of a row with a seed."""
        given = self.arguments.given
        return runs_of_row(row, self.suite, self.setting, self.budget, seed, self.tasks, given)

    def outcomes(self) -> list[Outcome]:
        """What the rows reached, from the results that are there."""
        return outcomes(self.suite, self.seeds, self.runs_of, self.results.get, self.directions)

    def has_result(self, row: str, seed: int) -> bool:
        """Whether all runs of a row with a seed have a result."""
        return all(self.results.get(run) is not None for run in self.runs_of(row, seed))

    def wanted(self) -> list[SuiteRun]:
        """All runs of the rows asked for, seed by seed, each after those that it starts from."""
        rows = self.arguments.rows or tuple(self.suite.rows)
        places = [(row, seed) for seed in self.seeds for row in rows]
        return list(with_needed([run for place in places for run in self.runs_of(*place)]))

    def estimate(self) -> Estimate:
        """Estimates for the runs."""
        steps = self.setting.budgets[self.budget].steps
        estimate = Estimate(self.setting, steps, self.setting.tflops or rate_here())
        estimate.learn(self.wanted(), self.results)
        return estimate


def directions(config: DictConfig, metrics: Mapping[str, str]) -> dict[str, bool]:
    """Every task's metric by its full key, in the order of the tasks; whether higher is better.

    Args:
        config: of a network of all tasks.
        metrics: in place of the headlines, by task.
    """
    tasks = build_tasks(config)
    higher = Scorer(tasks).higher_is_better()
    keys = [f"{name}/{metrics.get(name, task.headline)}" for name, task in tasks.items()]
    return {key: higher[key] for key in keys}
