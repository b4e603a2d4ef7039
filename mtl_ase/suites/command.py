"""The reproduce command: a suite's missing runs, then its table and figure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.base.installation import program
from mtl_ase.launch.trainings import Trainings
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.costs import measure_costs, stored_costs
from mtl_ase.suites.estimate import REACHED, duration
from mtl_ase.suites.export import as_makefile, as_slurm, command_of
from mtl_ase.suites.report import costs_file, write_report
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.runner import Runner, environments
from mtl_ase.suites.suite_run import SuiteRun


def reproduce(arguments: Arguments) -> int:
    """Train what is missing, then write and print the table.

    Returns:
        The exit code: 1 if a run failed.
    """
    suite = Reproduction(arguments)
    wanted = suite.wanted()
    lacking = [run for run in wanted if suite.results.get(run) is None]
    if arguments.export is not None:
        print(_exported(arguments, suite, wanted), end="")
        return 0
    if arguments.dry_run:
        _print_commands(suite, lacking)
        return 0
    failures: dict[str, str] = {}
    if lacking:
        slots = environments(arguments.at_once)
        print(_announced(suite, wanted, lacking, len(slots)), flush=True)
        with folder_lock(arguments.output, "output") as lock, Trainings(lock) as train:
            say = partial(print, flush=True)
            runner = Runner(suite.runs, suite.results, train, slots, say)
            runner.run(wanted)
            failures = runner.failures
    if suite.suite.figure == "costs" and arguments.costs:
        _time_steps(suite)
    print(write_report(suite, failures), end="")
    if suite.runs.is_dir():
        print(f"its runs on one page: {program('report')} run={suite.runs}")
    return 1 if failures else 0


def _time_steps(suite: Reproduction) -> None:
    """Time all rows that have a result together, if one of them was not timed yet."""
    rows = [r for r in suite.suite.rows if any(suite.has_result(r, seed) for seed in suite.seeds)]
    path = costs_file(suite)
    if suite.suite.baseline in rows and not set(rows) <= set(stored_costs(path)):
        measure_costs(suite, rows, path)


def _announced(
    suite: Reproduction, wanted: Sequence[SuiteRun], lacking: Sequence[SuiteRun], at_once: int
) -> str:
    estimate = suite.estimate()
    costs = [estimate.of(run) for run in lacking]
    hours = duration(sum(cost.seconds for cost in costs) / at_once)
    how = "measured" if all(cost.measured for cost in costs) else "estimated"
    there = len(wanted) - len(lacking)
    return (
        f"{suite.suite.title}, {suite.setting.title}: {there} of {len(wanted)} runs are there; "
        f"the others take about {hours} ({how}), {at_once} at once."
    )


def _print_commands(suite: Reproduction, lacking: Sequence[SuiteRun]) -> None:
    estimate, total = suite.estimate(), 0.0
    for run in lacking:
        cost = estimate.of(run)
        total += cost.seconds
        print(f"# {suite.suite.rows[run.row].title}, seed {run.seed}: {duration(cost.seconds)}")
        print(command_of(run, suite.runs))
    rate = f"{100 * REACHED:g} % of {estimate.tflops:.3g} TFLOP/s"
    print(f"# {len(lacking)} runs, {duration(total)} one after another at {rate}")


def _exported(arguments: Arguments, suite: Reproduction, wanted: Sequence[SuiteRun]) -> str:
    if arguments.export == "make":
        return as_makefile(wanted, suite.runs)
    return as_slurm(wanted, suite.runs, Path(arguments.suite).stem)
