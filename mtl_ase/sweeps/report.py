"""What happens before the first and after the last job of a sweep."""

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
from mtl_ase.sweeps.job import Job
from mtl_ase.sweeps.jobs import jobs_of
from mtl_ase.sweeps.summary import print_summary, summarise, write_summary


class SweepReport(Callback):
    """Sees that a sweep may start, and reports what became of its jobs.

    Hydra turns exceptions of its callbacks into warnings, so this one ends the process itself: with
    exit code 2 for wrong use, 1 if a job is not done. It reads all from disk, since jobs may run on
    other machines.
    """

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.before: set[Path] = set()

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Refuse what can't be right; see which jobs are done."""
        try:
            refuse_torchrun()
            self.jobs = jobs_of(config)
            if not self.jobs:
                raise UserError("the sweep has no jobs; give every swept key a value at least.")
        except UserError as error:
            exit_with(str(error))
        except HydraException:
            return  # the sweeper is about to say the same
        self.before = {job.folder for job in self.jobs if job.is_done}

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print and write the summary."""
        if not self.jobs:
            return
        try:
            rows = summarise(self.jobs, self.before)
            path = self.jobs[0].folder.parent / "summary.csv"
            write_summary(path, rows)
            print_summary(rows)
        except Exception:
            traceback.print_exc()
            sys.exit(1)
        print(f"summary: {path}", flush=True)
        if not all(job.is_done for job in self.jobs):
            sys.exit(1)


def refuse_torchrun() -> None:
    """Refuse to sweep in several processes that would each run all jobs.

    Raises:
        UserError: this is one of several processes.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("WORLD_SIZE") or 1) > 1:
        raise UserError(
            "-m under torchrun would run every job once in each process; run python train.py -m "
            "... trainer=ddp without torchrun, every job then starts its own processes."
        )
