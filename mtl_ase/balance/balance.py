"""What every balancing rule is. Legend: T tasks, P shared parameters in one row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.balance.kept_precision import KeptPrecision
from mtl_ase.base.errors import UserError
from mtl_ase.launch.world import joined_mean, num_processes


class Balance(KeptPrecision, ABC):
    """From the losses of the tasks to the loss that is minimised.

    A rule sees every loss times the weight of its task. What it remembers is in buffers, which keep
    their precision, and what it learns in parameters; both are in checkpoints. A task whose loss is
    exactly 0 has no labelled pixel in the batch: a rule leaves it out.

    Args:
        weights: of the tasks by name, in the order of the task axis.

    Attributes:
        adds_up: whether the total is the plain sum: then no process needs the others' losses.
        uses_gradients: whether the shared parameters' gradients are combined task by task; see
            `GradientRule`.
        uses_maps: whether the gradients in the encoder's maps are weighed; see `OnMaps`.
        looks_again: whether the rule compares the losses of a batch before and after its step.
        lr_factor: factor on the learning rate of the rule's own parameters.

    Raises:
        UserError: all weights are 0.
    """

    adds_up = False
    uses_gradients = False
    uses_maps = False
    looks_again = False
    lr_factor = 1.0

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        if not any(weights.values()):
            raise UserError(
                "all tasks have weight 0, so nothing would be learnt; give one a weight, e.g. "
                f"tasks.{next(iter(weights), 'NAME')}.weight=1."
            )
        self.weights = dict(weights)

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The total loss, a scalar, from one scalar loss per task name.

        With several processes, its value is that of the losses' means over all of them, and its
        gradient their mean's.

        Raises:
            UserError: the names of losses and weights differ.
        """
        losses_T = self.weighted(losses)
        if self.adds_up or num_processes() == 1:
            return self.total(losses_T, losses_T.detach() != 0)
        return self._joined_total(losses_T)

    def weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The losses_T times the tasks' weights.

        Raises:
            UserError: the names of losses and weights differ.
        """
        if losses.keys() != self.weights.keys():
            raise UserError(
                f"{type(self).__name__}: weights for {sorted(self.weights)} but losses of "
                f"{sorted(losses)}; give each task one weight."
            )
        return torch.stack([weight * losses[name] for name, weight in self.weights.items()])

    @abstractmethod
    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The total loss, a scalar, of the tasks that are present."""

    def watch_maps(self, maps: Sequence[Tensor]) -> None:
        """See the encoder's maps_TBDHW of a batch before the decoder does, the finest first."""

    def last_weights(self) -> Tensor | None:
        """The tasks' weights_T, where only the backward pass tells; NaN for the absent ones."""
        return None

    def allocate(self, block_P: Tensor) -> None:
        """Make the buffers of a rule on gradients; called once, before checkpoints are loaded.

        Args:
            block_P: of every element of the shared parameters, the number of the block that it
                belongs to, e.g. an expert of an adapter; every number from 0 on has some.
        """

    def end_epoch(self) -> None:
        """Called when an epoch ends."""

    def end_validation(
        self, scores: Mapping[str, float | None], higher_is_better: Mapping[str, bool]
    ) -> None:
        """See the scores of a validation and their directions, by names such as `semseg/miou`."""

    def look_again(self, before_T: Tensor, after_T: Tensor) -> None:
        """See the losses of a batch before and after its step, times the tasks' weights."""

    def _joined_total(self, losses_T: Tensor) -> Tensor:
        mean_T = joined_mean(losses_T.detach()).requires_grad_()
        total = self.total(mean_T, mean_T.detach() != 0)
        (slope_T,) = torch.autograd.grad(total, mean_T, retain_graph=True)
        return total + (slope_T * (losses_T - losses_T.detach())).sum()
