"""The summary of a sweep: a table, a CSV file, and the errors of failed jobs."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.folding_table import FoldingTable
from mtl_ase.sweeps.job import Job
from mtl_ase.sweeps.job_folder import own_overrides
from mtl_ase.sweeps.overrides import key_of, leaf, value_of

DONE_BEFORE = "done before"


@dataclass(frozen=True)
class Row:
    """A row of the summary.

    Attributes:
        job: the job.
        status: done, done before, failed or missing.
        swept: the overrides in which the jobs differ, value by key.
        metrics: headline metric of every task, and delta_m, by key; None where not measured.
    """

    job: Job
    status: str
    swept: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)


def summarise(jobs: Sequence[Job], done_before: Collection[Path] = ()) -> list[Row]:
    """One row per job, in the order of the command line.

    Args:
        jobs: all jobs of the sweep.
        done_before: folders of the jobs that were done before this start.
    """
    values = [{key_of(item): value_of(item) for item in own_overrides(j.overrides)} for j in jobs]
    keys = list(dict.fromkeys(key for row in values for key in row))
    swept = [key for key in keys if len({row.get(key) for row in values}) > 1]
    return [
        Row(
            job,
            DONE_BEFORE if job.folder in done_before and job.is_done else job.status,
            {key: row.get(key, "") for key in swept},
            headlines(job),
        )
        for job, row in zip(jobs, values, strict=True)
    ]


def headlines(job: Job) -> dict[str, float | None]:
    """The tasks' headline metrics and delta_m; all metrics if the run folder has no config."""
    metrics, path = job.metrics(), job.files.config
    if not metrics or not path.is_file():
        return metrics
    config = OmegaConf.load(path)
    assert isinstance(config, DictConfig)
    keys = [f"{name}/{task.headline}" for name, task in config.tasks.items()]
    return {key: metrics[key] for key in (*keys, "delta_m") if key in metrics}


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write the summary as CSV; a cell is empty where a score was not measured."""
    swept, metrics = _columns(rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*swept, "status", *metrics, "folder", "failure"])
    for row in rows:
        scores = [row.metrics.get(key) for key in metrics]
        cells = ["" if score is None else f"{score:.6g}" for score in scores]
        failure = row.job.failure if row.status == "failed" else ""
        values = [row.swept[key] for key in swept]
        writer.writerow([*values, row.status, *cells, row.job.folder.name, failure])
    write_atomically(path, text.getvalue().encode())


def print_summary(rows: Sequence[Row], console: Console | None = None) -> None:
    """Print the table, then folder and error of every failed job."""
    console = console or Console()
    console.print(summary_table(rows))
    for row in rows:
        if row.status == "failed":
            sentence = f"failed: {row.job.folder}: {row.job.failure}"
            console.print(sentence, style="red", soft_wrap=True, markup=False, highlight=False)


def summary_table(rows: Sequence[Row]) -> Table:
    """One row per job."""
    swept, metrics = _columns(rows)
    leaves = [leaf(key) for key in swept]
    table = FoldingTable(title="Sweep")
    for key, short in zip(swept, leaves, strict=True):
        table.add_column(short if leaves.count(short) == 1 else key)
    table.add_column("status", no_wrap=True)
    for key in metrics:
        table.add_column(key, justify="right")
    for row in rows:
        scores = (row.metrics.get(key) for key in metrics)
        cells = ("-" if score is None else f"{score:.2f}" for score in scores)
        table.add_row(*row.swept.values(), row.status, *cells)
    return table


def _columns(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """The swept keys and the metric keys of all rows."""
    return (
        list(dict.fromkeys(key for row in rows for key in row.swept)),
        list(dict.fromkeys(key for row in rows for key in row.metrics)),
    )
