"""What became of a sweep's jobs: a table, a CSV file, and the failures."""

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
from mtl_ase.sweeps.job import Job
from mtl_ase.sweeps.job_folder import own_overrides
from mtl_ase.sweeps.overrides import key_of, leaf, value_of

BEFORE = "done before"


@dataclass(frozen=True)
class Row:
    """A job in the summary.

    Attributes:
        job: itself.
        status: done, done before, failed or missing.
        swept: key and value of the overrides in which the jobs differ.
        metrics: the headlines of its tasks, and delta_m.
    """

    job: Job
    status: str
    swept: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)


def summarise(jobs: Sequence[Job], before: Collection[Path] = ()) -> list[Row]:
    """A row a job, in the order of the command.

    Args:
        jobs: of one command.
        before: folders of those that were done when it started.
    """
    values = [{key_of(item): value_of(item) for item in own_overrides(j.overrides)} for j in jobs]
    keys = list(dict.fromkeys(key for row in values for key in row))
    swept = [key for key in keys if len({row.get(key) for row in values}) > 1]
    return [
        Row(
            job,
            BEFORE if job.folder in before and job.is_done else job.status,
            {key: row.get(key, "") for key in swept},
            headlines(job),
        )
        for job, row in zip(jobs, values, strict=True)
    ]


def headlines(job: Job) -> dict[str, float | None]:
    """The tasks' headline metrics and delta_m; all metrics where the run does not say which."""
    metrics, path = job.metrics(), job.folder / "config.yaml"
    if not metrics or not path.is_file():
        return metrics
    config = OmegaConf.load(path)
    assert isinstance(config, DictConfig)
    keys = [f"{name}/{task.headline}" for name, task in config.tasks.items()]
    return {key: metrics[key] for key in (*keys, "delta_m") if key in metrics}


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write it as CSV; empty where a value can't be known."""
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
    """Print the table, then why jobs failed and where they lie."""
    console = console or Console()
    console.print(summary_table(rows))
    for row in rows:
        if row.status == "failed":
            sentence = f"failed: {row.job.folder}: {row.job.failure}"
            console.print(sentence, style="red", soft_wrap=True, markup=False, highlight=False)


def summary_table(rows: Sequence[Row]) -> Table:
    """One row a job."""
    swept, metrics = _columns(rows)
    leaves = [leaf(key) for key in swept]
    table = Table(title="Sweep")
    for key, short in zip(swept, leaves, strict=True):
        table.add_column(short if leaves.count(short) == 1 else key, overflow="fold")
    table.add_column("status", no_wrap=True)
    for key in metrics:
        table.add_column(key, justify="right", overflow="fold")
    for row in rows:
        scores = (row.metrics.get(key) for key in metrics)
        cells = ("-" if score is None else f"{score:.2f}" for score in scores)
        table.add_row(*row.swept.values(), row.status, *cells)
    return table


def _columns(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """The swept keys and the metrics."""
    return (
        list(dict.fromkeys(key for row in rows for key in row.swept)),
        list(dict.fromkeys(key for row in rows for key in row.metrics)),
    )
