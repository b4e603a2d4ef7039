"""The summary of a search: a table, a CSV file, and the command line of the best trial."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mtl_ase.base.csv_rows import write_rows
from mtl_ase.base.folding_table import FoldingTable
from mtl_ase.base.installation import program
from mtl_ase.base.run_files import RunFiles
from mtl_ase.config import trust_options
from mtl_ase.search.command_line import CommandLine
from mtl_ase.search.trial import Trial

MAX_ROWS = 10


def print_summary(
    command_line: CommandLine, ranked: Sequence[Trial], trials: Sequence[Trial]
) -> None:
    """Print the ten best trials, the command line of the best one, and the failed trials.

    Args:
        command_line: the command line of the search.
        ranked: the trials with a result, best first.
        trials: all trials.
    """
    if ranked:
        Console().print(results_table(command_line, ranked))
        print(f"the best: {command(command_line, ranked[0])}")
    for trial in trials:
        if trial.failure is not None:
            log = RunFiles(command_line.folder / trial.name).output_log
            print(f"trial {trial.number} failed: {trial.failure} ({log})")


def results_table(command_line: CommandLine, ranked: Sequence[Trial]) -> Table:
    """One row for each of the ten best trials, best first."""
    keys = sorted(command_line.space)
    table = FoldingTable("trial", title=f"The best of {len(ranked)} trials with a result")
    for column in (command_line.metric, *keys):
        table.add_column(column, justify="right")
    for trial in ranked[:MAX_ROWS]:
        values = (_short(trial.values[key]) for key in keys)
        table.add_row(str(trial.number), _short(str(trial.result)), *values)
    return table


def write_trials(command_line: CommandLine, trials: Sequence[Trial]) -> None:
    """Write all trials to `trials.csv`: number, result, values, reason of a failure."""
    keys = sorted(command_line.space)
    rows = []
    for trial in trials:
        result = "" if trial.result is None else repr(trial.result)
        values = [trial.values[key] for key in keys]
        rows.append([trial.number, result, *values, trial.failure or ""])
    columns = ["trial", command_line.metric, *keys, "failure"]
    write_rows(command_line.folder / "trials.csv", columns, rows)


def command(command_line: CommandLine, trial: Trial) -> str:
    """The command line of train.py with a trial's values."""
    overrides = [*command_line.shared_overrides, *trial.overrides]
    return f"{program('train')} {shlex.join([*trust_options(), *overrides])}"


def _short(text: str) -> str:
    """A real number with five significant digits; other text unchanged."""
    try:
        return text if text.lstrip("-").isdigit() else f"{float(text):.5g}"
    except ValueError:
        return text
