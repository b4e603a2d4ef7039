"""Detects NaN and infinite losses before the backward pass."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, distributed

from mtl_ase.launch.world import num_processes

Nonfinite = Literal["raise", "skip"]
SHOWN = 8


class NonfiniteLoss(ArithmeticError):
    """A loss is NaN or infinite."""


class FiniteLosses:
    """Checks every batch's losses before the backward pass.

    Args:
        policy: "raise", or "skip" the batch with a warning.
        max_skipped: most batches that may be skipped in a row.
    """

    def __init__(self, policy: Nonfinite, max_skipped: int) -> None:
        self.policy, self.max_skipped = policy, max_skipped
        self.skipped = 0

    def accepts(
        self, total: Tensor, losses: Mapping[str, Tensor], step: int, image_ids: Sequence[str]
    ) -> bool:
        """Whether all losses are finite; with "skip", whether they are on all processes.

        Raises:
            NonfiniteLoss: one is not, and the policy is "raise", or too many were skipped.
        """
        if self._all_finite(total):
            self.skipped = 0
            return True
        message = f"step {step}: {_describe(total, losses, image_ids)}"
        self.skipped += 1
        if self.policy == "raise" or self.skipped > self.max_skipped:
            raise NonfiniteLoss(
                f"{message}; the weights are as they were before. Look at these images, lower the "
                "learning rate, train in 32 bits, or leave such batches out with "
                "training.nonfinite=skip."
            )
        warnings.warn(f"{message}; the batch is left out", stacklevel=2)
        return False

    def _all_finite(self, total: Tensor) -> bool:
        finite = torch.isfinite(total.detach()).int()
        if self.policy == "skip" and num_processes() > 1:
            distributed.all_reduce(finite, op=distributed.ReduceOp.MIN)
        return bool(finite)


def _describe(total: Tensor, losses: Mapping[str, Tensor], image_ids: Sequence[str]) -> str:
    if math.isfinite(float(total.detach())):
        return "a loss of another process is not finite"
    bad = [name for name, loss in losses.items() if not math.isfinite(float(loss.detach()))]
    more = f" and {len(image_ids) - SHOWN} more" if len(image_ids) > SHOWN else ""
    return (
        f"the loss of {', '.join(bad) or 'the router'} is not finite on images "
        f"{', '.join(image_ids[:SHOWN])}{more}"
    )
