"""What is asked of a run that torchrun or SLURM starts."""

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
    """Refuse a folder that differs between processes; a job that can't go on isn't requeued.

    Raises:
        UserError: several processes, not started by each other, name the folder by their clocks.
    """
    started_outside = "LOCAL_RANK" in os.environ or slurm_environment(trainer) is not None
    if trainer.world_size > 1 and started_outside and not is_launched() and _by_time(config):
        raise UserError(
            "run_dir is named by the time, which differs between processes that torchrun or srun "
            "start; give run_dir=FOLDER."
        )
    slurm = slurm_environment(trainer)
    if slurm is not None and slurm.auto_requeue and (_by_time(config) or config.resume != "auto"):
        slurm.auto_requeue = False
        if trainer.is_global_zero:
            warnings.warn(
                "this SLURM job is not put back into the queue when its time is up, since it "
                "would not go on by itself; give run_dir=FOLDER resume=auto",
                stacklevel=2,
            )


def _by_time(config: DictConfig) -> bool:
    """Whether the run folder has the time of the start in its name."""
    written = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    return "${now:" in str(written["run_dir"])
