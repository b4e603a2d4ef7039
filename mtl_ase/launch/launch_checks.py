"""Checks of runs that torchrun or SLURM starts."""

from __future__ import annotations

import os
import warnings
from typing import Any, cast

import lightning.pytorch as pl
from omegaconf import DictConfig, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.launch.launched_ranks import is_launched
from mtl_ase.launch.slurm_requeue import slurm_environment


def check_launch(config: DictConfig, trainer: pl.Trainer) -> None:
    """Refuse a run folder that differs between processes; switch off requeueing that can't work.

    A requeued SLURM job continues by itself only with a fixed `run_dir` and `resume=auto`;
    otherwise Lightning's automatic requeueing is switched off with a warning.

    Args:
        config: the whole config; `run_dir` and `resume` are read.
        trainer: the trainer, which knows the number of processes and the SLURM environment.

    Raises:
        UserError: torchrun or srun started several processes, and each of them would name its run
            folder by its own start time.
    """
    started_outside = "LOCAL_RANK" in os.environ or slurm_environment(trainer) is not None
    if trainer.world_size > 1 and started_outside and not is_launched() and _named_by_time(config):
        raise UserError(
            "run_dir contains the start time, which differs between processes that torchrun or "
            "srun start; give run_dir=FOLDER."
        )
    slurm = slurm_environment(trainer)
    if slurm is None or not slurm.auto_requeue:
        return
    if _named_by_time(config) or config.resume != "auto":
        slurm.auto_requeue = False
        if trainer.is_global_zero:
            warnings.warn(
                "this SLURM job is not requeued when its time limit is reached, since it would "
                "not continue the run; give run_dir=FOLDER resume=auto",
                stacklevel=2,
            )


def _named_by_time(config: DictConfig) -> bool:
    """Whether the name of the run folder contains the start time."""
    unresolved = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    return "${now:" in str(unresolved["run_dir"])
