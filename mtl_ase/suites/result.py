"""What a run of a suite reached, as a small JSON file: tables and figures need nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.errors import UserError
from mtl_ase.build import parameter_count
from mtl_ase.config import run_once
from mtl_ase.suites.router_steps import router_steps
from mtl_ase.suites.suite_run import SuiteRun
from mtl_ase.sweeps import Job


class Result(NamedTuple):
    """A finished run.

    Attributes:
        scores: of the final validation, by metric; None where not measured.
        parameters: all of the network.
        trained: those that are trained.
        steps: optimiser steps.
        seconds: of the whole run; None if it was interrupted.
        megabytes: the most memory of its process.
        revision: git revision of the code; None outside a checkout.
        routers: mean gate weights and health at a few steps, see `router_steps`; None without
            routers.
    """

    scores: Mapping[str, float | None]
    parameters: int
    trained: int
    steps: int
    seconds: float | None
    megabytes: int
    revision: str | None
    routers: Mapping[str, Any] | None

    @classmethod
    def of(cls, job: Job, run: SuiteRun, seconds: float | None, megabytes: int) -> Result:
        """The result of a run that has just finished."""
        count = run_once(parameter_count, list(run.overrides))
        environment = json.loads(job.files.environment.read_text(encoding="utf-8"))
        return cls(
            scores=job.metrics(),
            parameters=count.total,
            trained=count.trainable,
            steps=job.last_step() + 1,
            seconds=None if seconds is None else round(seconds, 1),
            megabytes=megabytes,
            revision=environment.get("git_revision"),
            routers=router_steps(job.files.router_log),
        )


class Results:
    """The results in a folder, by the names of the runs.

    Args:
        folder: of the JSON files; made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, run: SuiteRun) -> Result | None:
        """The result of a run; None if it has none yet.

        Raises:
            UserError: its file is damaged.
        """
        path = self._path(run)
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return Result(**{key: content[key] for key in Result._fields})
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is no result of a run ({type(error).__name__}); delete it to run it again."
            ) from error

    def put(self, run: SuiteRun, result: Result) -> None:
        """Write the result of a run, with the overrides that make it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._path(run), {"overrides": list(run.overrides), **result._asdict()})

    def _path(self, run: SuiteRun) -> Path:
        return self.folder / f"{run.name}.json"
