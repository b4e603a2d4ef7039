"""A small training with all parts (experts, EMA, worker process), used by torture and soak."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import CHECKOUT
from mtl_ase.launch.child_training import start_training

SMALL = (
    "experiment=ase_finegrained",
    "setting=scenes",
    "data.generator.num_train=24",
    "data.generator.num_val=8",
    "data.generator.size=[64,64]",
    "data.image_size=[64,64]",
    "data.batch_size=4",
    "data.num_workers=1",
    "model.encoder.weights=null",
    "model.encoder.options={patch_size:16,embed_dim:48,depth:2,num_heads:2,class_token:true}",
    "size.head.hidden=8",
    "trainer=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
    "trainer.check_val_every_n_epoch=20",
    "callbacks=ema",
    "callbacks.progress=null",
    "callbacks.last.every_n_steps=3",
    "metrics.edge.max_images=1",
    "report.num_sheets=0",
    "resume=auto",
)
"""Overrides of train.py: a network of two blocks, six steps per epoch, EMA, one data worker."""


def start(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start Python on one thread in the project's folder.

    Args:
        arguments: arguments of the Python interpreter.
        environment: environment variables to set in addition to those of this process.
    """
    return start_training(
        ["-W", "ignore", *arguments],
        {"OMP_NUM_THREADS": "1"} | dict(environment or {}),
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a training to end.

    Raises:
        UserError: the exit code is not 0.
    """
    _, stderr = process.communicate()
    if process.returncode != 0:
        raise UserError(f"the training failed by itself: {stderr.decode()[-500:]}")
