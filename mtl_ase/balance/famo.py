"""FAMO. Legend: T tasks."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl_ase.balance.balance import Balance
from mtl_ase.balance.present_tasks import logs, shares
from mtl_ase.base.bounds import AboveZero, Weight

EPSILON = 1e-8
BETAS = 0.9, 0.999


class FAMO(Balance):
    """total = c sum_t w_t log L_t, w = softmax(z), c = 1 / sum_t (w_t / L_t) held constant.

    The gradient's weights c w_t / L_t add up to 1. After a step, z is updated by Adam along the
    gradient of sum_t w_t (log L_t before - log L_t after): a task that gained more weighs less.

    Source: FAMO, arXiv 2306.03792. Weight decay is the paper's; the official code's default is
    1e-5. Lower bounds of the losses, 0 there by default, are left out. Adam's moments and its
    number of steps are each task's own, so those of a task that is absent stay as they are. A
    second forward pass per step is needed.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        lr: learning rate of z.
        weight_decay: pulls z to 0.
    """

    looks_again = True

    def __init__(
        self, weights: Mapping[str, float], lr: AboveZero = 0.025, weight_decay: Weight = 1e-3
    ) -> None:
        super().__init__(weights)
        self.lr, self.weight_decay = lr, weight_decay
        self.z_T: Tensor
        self.first_T: Tensor
        self.second_T: Tensor
        self.steps_T: Tensor
        for name in ("z_T", "first_T", "second_T", "steps_T"):
            self.register_buffer(name, torch.zeros(len(weights)))

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The weighted sum of logarithms over the tasks that are present."""
        w_T = shares(self.z_T, present_T).to(losses_T)
        inverse = (w_T / (losses_T.detach() + EPSILON)).sum()
        total = (w_T * logs(losses_T + EPSILON, present_T)).sum()
        return total / inverse.where(present_T.any(), 1)

    def look_again(self, before_T: Tensor, after_T: Tensor) -> None:
        """Update z from what a step gained."""
        present_T = (before_T != 0) & (before_T + after_T).isfinite()
        w_T = shares(self.z_T, present_T)
        gained_T = logs(before_T + EPSILON, present_T) - logs(after_T + EPSILON, present_T)
        gradient_T = w_T * (gained_T - (w_T * gained_T).sum())
        self._adam(gradient_T + self.weight_decay * self.z_T, present_T)

    def _adam(self, gradient_T: Tensor, present_T: Tensor) -> None:
        first, second = BETAS
        first_T = first * self.first_T + (1 - first) * gradient_T
        second_T = second * self.second_T + (1 - second) * gradient_T.square()
        steps_T = self.steps_T + 1
        root_T = (second_T / (1 - second**steps_T)).sqrt() + EPSILON
        z_T = self.z_T - self.lr * first_T / (1 - first**steps_T) / root_T
        for own_T, new_T in (
            (self.first_T, first_T),
            (self.second_T, second_T),
            (self.steps_T, steps_T),
            (self.z_T, z_T),
        ):
            own_T.copy_(new_T.where(present_T, own_T))
