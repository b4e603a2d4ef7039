"""Detects NaN and infinite losses before they reach the weights."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, distributed

from mtl_ase.launch.world import num_processes
from mtl_ase.machine.host_copy import HostCopy

Nonfinite = Literal["raise", "skip"]
SHOWN = 8


class NonfiniteLoss(ArithmeticError):
    """A loss is NaN or infinite."""


class Noted(NamedTuple):
    """The losses of a batch, which are looked at later."""

    finite: HostCopy
    total: Tensor
    losses: Mapping[str, Tensor]
    step: int
    image_ids: Sequence[str]

    def describe(self) -> str:
        """Step, tasks and images of a loss that is not finite."""
        if math.isfinite(float(self.total)):
            return f"step {self.step}: a loss of another process is not finite"
        bad = [name for name, loss in self.losses.items() if not math.isfinite(float(loss))]
        others = len(self.image_ids) - SHOWN
        more = f" and {others} more" if others > 0 else ""
        return (
            f"step {self.step}: the loss of {', '.join(bad) or 'the router'} is not finite on "
            f"images {', '.join(self.image_ids[:SHOWN])}{more}"
        )


class FiniteLosses:
    """Checks every batch's losses, on all processes alike.

    With "raise" nothing waits for the GPU in the forward pass: the losses are noted there, and
    looked at in `check`, when the backward pass is on its way but the weights are as before. With
    "skip" they are looked at before the backward pass, so the GPU waits for the CPU once a batch.

    Args:
        policy: "raise", or "skip" the batch with a warning.
        max_skipped: most batches that may be skipped in a row.
    """

    def __init__(self, policy: Nonfinite, max_skipped: int) -> None:
        self.policy, self.max_skipped = policy, max_skipped
        self.skipped = 0
        self.noted: list[Noted] = []

    def accepts(
        self, total: Tensor, losses: Mapping[str, Tensor], step: int, image_ids: Sequence[str]
    ) -> bool:
        """Whether a batch is trained on: with "skip", whether its losses are finite.

        Raises:
            NonfiniteLoss: too many batches were skipped in a row.
        """
        total = total.detach()
        losses = {name: loss.detach() for name, loss in losses.items()}
        noted = Noted(HostCopy(_all_finite(total)), total, losses, step, image_ids)
        if self.policy == "raise":
            self.noted.append(noted)
            return True
        if noted.finite.read():
            self.skipped = 0
            return True
        self.skipped += 1
        if self.skipped > self.max_skipped:
            raise _error(noted)
        warnings.warn(f"{noted.describe()}; the batch is left out", stacklevel=2)
        return False

    def check(self) -> None:
        """Look at the losses noted since the last step, before the weights change.

        Raises:
            NonfiniteLoss: one is not finite, on any process.
        """
        noted, self.noted = self.noted, []
        for batch in noted:
            if not batch.finite.read():
                raise _error(batch)


def _all_finite(total: Tensor) -> Tensor:
    finite = torch.isfinite(total).int()
    if num_processes() > 1:
        distributed.all_reduce(finite, op=distributed.ReduceOp.MIN)
    return finite


def _error(noted: Noted) -> NonfiniteLoss:
    return NonfiniteLoss(
        f"{noted.describe()}; the weights are as they were before. Look at these images, lower the "
        "learning rate, train in 32 bits, or leave such batches out with training.nonfinite=skip."
    )
