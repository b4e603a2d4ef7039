"""train.py for tests of several processes: faults and notes that the environment asks for.

TEST_SIGNAL: "RANK STEP", where a process sends itself SIGTERM; step -1 is before the first batch.
TEST_NAN: "RANK BATCH", where the loss of a process is not a number; all say what they leave out.
TEST_QUIET: no noise in the routers, and no normalisation over the images of a batch.
TEST_OPENED: a folder, in which every process notes the files that it opens for writing.
"""

from __future__ import annotations

import functools
import itertools
import os
import signal
import sys
import warnings
from pathlib import Path

import torch
from torch import nn

from mtl_ase.balance import FixedWeights
from mtl_ase.commands.train import train
from mtl_ase.config import run_main
from mtl_ase.training import MultiTaskModule


def send_signal(rank: int, step: int) -> None:
    """Make the process of a rank send itself SIGTERM in the middle of a step."""
    name = "training_step" if step >= 0 else "zero_grad"
    method = getattr(MultiTaskModule, name)

    @functools.wraps(method)
    def and_signal(self, *arguments, **options):
        if self.global_rank == rank and self.trainer.fit_loop.total_batch_idx == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return method(self, *arguments, **options)

    setattr(MultiTaskModule, name, and_signal)


def spoil_loss(rank: int, batch: int) -> None:
    """Make a process's loss of a batch something that is not a number."""
    add_up, warn = FixedWeights.forward, warnings.warn
    mine, batches = os.environ.get("LOCAL_RANK", "0"), itertools.count()

    def spoilt(self, losses):
        wrong = mine == str(rank) and next(batches) == batch
        return add_up(self, losses) * (float("nan") if wrong else 1)

    def say(message, *arguments, **options):
        if "left out" in str(message):
            print(f"rank {mine}: {message}", file=sys.stderr)
        warn(message, *arguments, **options)

    FixedWeights.forward, warnings.warn = spoilt, say


def keep_quiet() -> None:
    """Leave out what makes the gradient of a batch differ from the mean over its parts."""
    torch.randn_like = torch.zeros_like
    nn.BatchNorm2d = functools.partial(nn.GroupNorm, 1)


def note_opened(folder: Path) -> None:
    """Note the files that this process opens for writing."""
    place = os.open(folder / str(os.getpid()), os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def note(event: str, arguments: tuple) -> None:
        if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            os.write(place, f"{arguments[0]}\n".encode())

    sys.addaudithook(note)


if __name__ == "__main__":
    if "TEST_NAN" in os.environ:
        spoil_loss(*map(int, os.environ["TEST_NAN"].split()))
    if "TEST_QUIET" in os.environ:
        keep_quiet()
    if "TEST_SIGNAL" in os.environ:
        send_signal(*map(int, os.environ["TEST_SIGNAL"].split()))
    if "TEST_OPENED" in os.environ:
        note_opened(Path(os.environ["TEST_OPENED"]))
    run_main(train, config_name="train")
