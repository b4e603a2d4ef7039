"""Requeueing of SLURM jobs."""

from __future__ import annotations

import os
import subprocess
import warnings

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment


def slurm_environment(trainer: pl.Trainer) -> SLURMEnvironment | None:
    """Lightning's SLURM environment; None if srun did not start this process."""
    environment = trainer._accelerator_connector.cluster_environment
    return environment if isinstance(environment, SLURMEnvironment) else None


def requeue_signal(trainer: pl.Trainer) -> int | None:
    """The signal that SLURM sends before the time limit or preemption; None outside SLURM."""
    environment = slurm_environment(trainer)
    if environment is None or environment.requeue_signal is None:
        return None
    return int(environment.requeue_signal)


def requeue(trainer: pl.Trainer) -> None:
    """Requeue the SLURM job from rank 0, while the other ranks wait at a barrier."""
    environment = slurm_environment(trainer)
    if environment is None or not environment.auto_requeue:
        return
    if trainer.is_global_zero:
        _scontrol(job_id())
    trainer.strategy.barrier("requeue")


def job_id() -> str:
    """The job id that scontrol expects: ID, or ARRAY_TASK for a task of a job array."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    if array is None:
        return os.environ["SLURM_JOB_ID"]
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"


def _scontrol(job: str) -> None:
    command = ["scontrol", "requeue", job]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        problem = done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else ""
    except OSError as error:
        problem = str(error)
    if problem:
        warnings.warn(
            f"{' '.join(command)} failed ({problem}); the run is saved: submit the same script "
            "again to continue it.",
            stacklevel=2,
        )
