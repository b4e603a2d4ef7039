"""The Hydra callback of sweeps: checks before the first job, a summary after the last."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError, exit_with
from mtl_ase.base.installation import program
from mtl_ase.sweeps.job import Job
from mtl_ase.sweeps.jobs import jobs_of
from mtl_ase.sweeps.summary import print_summary, summarise, write_summary


class SweepReport(Callback):
    """Checks a sweep before its first job and summarises all jobs after the last one.

    Hydra turns exceptions in callbacks into warnings, so this callback ends the process itself:
    with exit code 2 for wrong use, 1 if a job is not done. It reads the state of the jobs from
    disk, since they may run on other machines.

    Attributes:
        jobs: all jobs of the sweep.
        done_before: folders of the jobs that were done before this start.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.done_before: set[Path] = set()

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse wrong command lines; find out which jobs are done already."""
        try:
            refuse_torchrun()
            self.jobs = jobs_of(config)
            if not self.jobs:
                raise UserError("the sweep has no jobs; give every swept key a value at least.")
        except UserError as error:
            exit_with(str(error))
        except HydraException:
            return  # Hydra's sweeper reports the same error right afterwards
        self.done_before = {job.folder for job in self.jobs if job.is_done}

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the summary and write it to summary.csv."""
        if not self.jobs:
            return
        try:
            rows = summarise(self.jobs, self.done_before)
            path = self.jobs[0].folder.parent / "summary.csv"
            write_summary(path, rows)
            print_summary(rows)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        print(f"summary: {path}")
        print(f"on one page: {program('report')} run={path.parent}", flush=True)
        if not all(job.is_done for job in self.jobs):
            sys.exit(1)


def refuse_torchrun() -> None:
    """Refuse a sweep under torchrun, where every process would run all jobs.

    Raises:
        UserError: torchrun started this process.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("WORLD_SIZE") or 1) > 1:
        raise UserError(
            "-m under torchrun would run every job once in each process; run "
            f"{program('train')} -m ... trainer=ddp without torchrun, every job then "
            "starts its own processes."
        )
