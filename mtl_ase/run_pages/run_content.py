"""Everything that is shown of a run, read from its folder once."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig
from torchmetrics import Metric

from mtl_ase.base.csv_rows import Rows, read_rows
from mtl_ase.base.errors import UserError
from mtl_ase.base.json_files import read_json, read_scores
from mtl_ase.base.run_files import RunFiles
from mtl_ase.model import Count
from mtl_ase.run_pages.evaluation_files import Evaluation, read_evaluation
from mtl_ase.run_pages.flat_config import Flat, flat_config
from mtl_ase.run_pages.score_table import all_metrics
from mtl_ase.tasks import Task


@dataclass
class RunContent:
    """A run, finished or not.

    Args:
        files: of its folder.
        config: the resolved one.
        tasks: the tasks by name.
        evaluated: the tasks with the metrics of its evaluation; empty without one.
        parameters: by component of the network.

    Raises:
        UserError: a file of the folder is damaged.
    """

    files: RunFiles
    config: DictConfig
    tasks: Mapping[str, Task]
    evaluated: Mapping[str, Task]
    parameters: Mapping[str, Count]
    flat: Flat = field(init=False)
    log: Rows = field(init=False)
    routers: Rows = field(init=False)
    gradients: Rows = field(init=False)
    environment: Mapping[str, Any] = field(init=False)
    metrics: Mapping[str, float | None] = field(init=False)
    trivial: Mapping[str, float | None] = field(init=False)
    evaluation: Evaluation = field(init=False)

    def __post_init__(self) -> None:
        files = self.files
        self.flat = flat_config(self.config)
        self.log = _numbers(files, "log", ("step",))
        self.routers = _numbers(files, "router_log", ("step", "expert", "gate", "share"))
        self.gradients = _numbers(files, "gradient_log", ("step", "cosine"))
        self.environment = _environment(files)
        self.metrics = read_scores(files.metrics)
        self.trivial = read_scores(files.trivial_metrics)
        self.evaluation = read_evaluation(files.path)

    @property
    def name(self) -> str:
        """The experiment's name, and the folder's."""
        return f"{self.flat.get('experiment_name', 'run')} / {self.files.path.resolve().name}"

    @property
    def status(self) -> str:
        """Whether it has finished."""
        if self.files.done.exists() or "ended" in self.environment:
            return "finished"
        return "failed" if self.files.failed.exists() else "not finished"

    @property
    def scored(self) -> dict[str, Metric]:
        """The metrics by key."""
        return all_metrics(self.tasks, self.evaluated)

    @property
    def overrides(self) -> list[str] | None:
        """Those of its command line; None in runs that do not tell."""
        told = self.environment.get("overrides")
        return None if told is None else [str(item) for item in told]

    @property
    def total(self) -> Count:
        """Parameters of the whole network."""
        counts = list(self.parameters.values())
        return Count(sum(c.total for c in counts), sum(c.trainable for c in counts))

    @property
    def steps(self) -> int | None:
        """Optimiser steps so far; None without a log."""
        steps = [int(float(row["step"])) for row in self.log if row.get("train/loss")]
        return max(steps) + 1 if steps else None

    @property
    def seconds(self) -> float | None:
        """From the last start to the end; None in runs that do not tell."""
        starts, ended = self.environment.get("starts"), self.environment.get("ended")
        if not starts or ended is None:
            return None
        first, last = (datetime.datetime.fromisoformat(text) for text in (starts[-1], ended))
        return (last - first).total_seconds()

    @property
    def starts(self) -> Sequence[str]:
        """When it was started, and started again."""
        return [str(start) for start in self.environment.get("starts", ())]


def _environment(files: RunFiles) -> dict[str, Any]:
    """The content of environment.json.

    Raises:
        UserError: one of its parts is not what a run writes.
    """
    content = read_json(files.environment)
    for key, kind in {"packages": dict, "overrides": list, "starts": list, "ended": str}.items():
        if key in content and not isinstance(content[key], kind):
            raise UserError(f"{files.environment}: {key} is not what a run writes; remove it.")
    try:
        for time in (*content.get("starts", ()), *filter(None, [content.get("ended")])):
            datetime.datetime.fromisoformat(time)
    except (TypeError, ValueError) as error:
        raise UserError(f"{files.environment}: {time} is no time; remove it.") from error
    return content


def _numbers(files: RunFiles, name: str, needed: Sequence[str]) -> Rows:
    """The rows of a log.

    Raises:
        UserError: a cell that must be a number is none, or all of a column are missing.
    """
    path = getattr(files, name)
    rows = read_rows(path)
    texts = ("layer", "site", "task", "other")
    for number, row in enumerate(rows, 2):
        for key, cell in row.items():
            if key in texts:
                continue
            try:
                float(cell or ("nan" if key not in needed else ""))
            except (TypeError, ValueError) as error:
                raise UserError(
                    f"{path}, line {number}: {key}={cell} is no number; remove the file to leave "
                    "it out."
                ) from error
    if rows and not set(needed) <= rows[0].keys():
        raise UserError(f"{path} lacks one of the columns {', '.join(needed)}; remove it.")
    return rows
