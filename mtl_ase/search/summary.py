"""What a search found: a table, a file, and the command line of the best trial."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.search.command_line import CommandLine
from mtl_ase.search.trial import LOG, Trial

SHOWN = 10


def print_summary(wanted: CommandLine, ranked: Sequence[Trial], trials: Sequence[Trial]) -> None:
    """Print the best trials, how to run the best one, and those that failed.

    Args:
        wanted: what was searched.
        ranked: the trials with a result, best first.
        trials: all.
    """
    if ranked:
        Console().print(results_table(wanted, ranked))
        print(f"the best: {command(wanted, ranked[0])}")
    for trial in trials:
        if trial.failure is not None:
            log = wanted.folder / trial.name / LOG
            print(f"trial {trial.number} failed: {trial.failure} ({log})")


def results_table(wanted: CommandLine, ranked: Sequence[Trial]) -> Table:
    """A row a trial, best first."""
    keys = sorted(wanted.space)
    table = Table("trial", title=f"The best of {len(ranked)} trials with a result")
    for column in (wanted.metric, *keys):
        table.add_column(column, justify="right", overflow="fold")
    for trial in ranked[:SHOWN]:
        values = (_short(trial.values[key]) for key in keys)
        table.add_row(str(trial.number), _short(str(trial.result)), *values)
    return table


def write_trials(wanted: CommandLine, trials: Sequence[Trial]) -> None:
    """Write all trials as `trials.csv`: number, result, values, and why one failed."""
    keys = sorted(wanted.space)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", wanted.metric, *keys, "failure"])
    for trial in trials:
        result = "" if trial.result is None else repr(trial.result)
        values = [trial.values[key] for key in keys]
        writer.writerow([trial.number, result, *values, trial.failure or ""])
    write_atomically(wanted.folder / "trials.csv", text.getvalue().encode())


def command(wanted: CommandLine, trial: Trial) -> str:
    """The command line that trains with a trial's values."""
    return shlex.join(["python", "train.py", *wanted.fixed, *trial.overrides])


def _short(text: str) -> str:
    """A number with as many digits as help a reader; other text as it is."""
    try:
        return text if text.lstrip("-").isdigit() else f"{float(text):.5g}"
    except ValueError:
        return text
