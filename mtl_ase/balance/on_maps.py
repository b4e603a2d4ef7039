"""Rules on the gradients in the encoder's maps.

Legend: T, S tasks, B images, D width, H W cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from mtl_ase.balance.balance import Balance
from mtl_ase.balance.gradient_rule import GramianRule, gramian
from mtl_ase.base.errors import UserError
from mtl_ase.launch.world import average, joined_mean, num_processes


class MakeGramianRule(Protocol):
    """A `GramianRule` with all but the tasks' weights bound."""

    def __call__(self, *, weights: Mapping[str, float]) -> GramianRule:
        """Build the rule for these tasks."""


class OnMaps(Balance):
    """Weighs the tasks by their gradients in the maps that their heads read, in a plain step.

    Each head reads a map of its own on the task axis. So in the backward pass of the plain sum the
    gradient g_t in every task's map is there before it reaches the encoder; the rule finds the
    weights a_t from the products <g_t, g_s>, and a_t g_t is what the encoder gets. Heads get the
    gradient of their own loss, and regularisers pass by.

    For networks in which all tasks run one trunk, whose gradients by task would cost a backward
    pass for every task. The directions there are the same up to the trunk's Jacobian J: the rule
    sees <g_t, g_s> in place of <J^T g_t, J^T g_s>. Where tasks run in passes of their own, the rule
    itself costs no more and is exact.

    Source: MGDA-UB (arXiv 1810.04650), where the rule is MGDA. With accumulation, every micro-batch
    is weighed by itself.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        rule: makes the rule.

    Attributes:
        losses_T: of the batch at hand.
        scale: what the batch's backward pass multiplies the losses by: its share of the step, and a
            loss scale.
        weights_T: the tasks' weights in the last backward pass; NaN for those without a gradient.

    Raises:
        UserError: the rule does more than weigh the tasks, or weighs the heads, too.
    """

    adds_up = True
    uses_maps = True

    def __init__(self, weights: Mapping[str, float], rule: MakeGramianRule) -> None:
        super().__init__(weights)
        self.rule = rule(weights=weights)
        if not self.rule.only_weighs or self.rule.weigh_private:
            name = type(self.rule).__name__
            raise UserError(
                f"balance=on_maps weighs gradients by their products, but {name} does more; choose "
                "balance@training.balance.rule=nash_mtl, say, and leave weigh_private=false."
            )
        self.losses_T = torch.zeros(len(weights))
        self.weights_T = torch.full((len(weights),), torch.nan, dtype=torch.float64)
        self.scale = 1.0

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The plain sum."""
        self.losses_T = losses_T.detach()
        total = losses_T.sum()
        if total.requires_grad:
            total.register_hook(self._note_scale)
        return total

    def watch_maps(self, maps: Sequence[Tensor]) -> None:
        """Weigh the gradients of the coarsest map_TBDHW when the backward pass reaches it."""
        if maps[-1].requires_grad:
            maps[-1].register_hook(self._weighed)

    def last_weights(self) -> Tensor:
        """The weights_T of the last backward pass."""
        return self.weights_T

    def _note_scale(self, slope: Tensor) -> None:
        self.scale = float(slope)

    def _weighed(self, grad_TBDHW: Tensor) -> Tensor:
        """The gradients times their weights; if one is not finite, as they are, for a scaler."""
        gramian_TS = gramian(grad_TBDHW.flatten(1)).to(grad_TBDHW.device)
        average(gramian_TS)  # on the device: NCCL knows no other
        gramian_TS = gramian_TS.cpu() / self.scale**2
        gramian_TS /= num_processes()  # the loss is the processes' mean, and so each gradient
        squares_T = gramian_TS.diagonal()
        if not squares_T.isfinite().all():
            return grad_TBDHW
        self.weights_T = torch.full_like(squares_T, torch.nan)
        rows = squares_T.nonzero()[:, 0].tolist()
        if rows:
            losses_T = joined_mean(self.losses_T).double().cpu()
            self.weights_T[rows] = self.rule.weigh(
                gramian_TS[rows][:, rows], losses_T[rows], rows
            ).double()
        weights_T = self.weights_T.nan_to_num(0.0).to(grad_TBDHW)
        return weights_T[:, None, None, None, None] * grad_TBDHW
