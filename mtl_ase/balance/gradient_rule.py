"""Rules that combine the tasks' gradients. Legend: T, S tasks, P shared parameters in one row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl_ase.balance.balance import Balance

CHUNK = 2**18
"""Columns of the Jacobian that are multiplied at once, so that few are held in 64 bits."""
FLOOR = 1e-6
"""Smallest eigenvalue of a Gramian of unit gradients; those in 32 bits tell no smaller one."""


class Combined(NamedTuple):
    """What is used in place of the sum of the tasks' gradients."""

    direction_P: Tensor  #: the gradient of the shared parameters
    weights_T: Tensor  #: the tasks' weights in it, on the CPU; for rules without weights, 1


class GradientRule(Balance):
    """A rule on the Jacobian: row t is the gradient of task t in all shared parameters.

    The gradients come from one backward pass of the plain sum (`TaskGradients`), so the parameters
    that only one task uses get the gradient of their own loss.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.

    Attributes:
        only_weighs: whether all that it does is to weigh the tasks, by their gradients' products.
    """

    adds_up = True
    uses_gradients = True
    only_weighs = False

    def __init__(self, weights: Mapping[str, float], weigh_private: bool = False) -> None:
        super().__init__(weights)
        self.weigh_private = weigh_private

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The plain sum, from whose backward pass all gradients come."""
        return losses_T.sum()

    @abstractmethod
    def combine(self, jacobian_TP: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Combined:
        """The gradient of the shared parameters for a step.

        Args:
            jacobian_TP: gradients of the tasks that have one in this step, the same on all
                processes; it may be overwritten.
            losses_T: their losses.
            rows: their places among the rule's tasks, for rules that remember something of each.
        """


class GramianRule(GradientRule):
    """A rule that weighs the tasks by the products of their gradients, and nothing else of them."""

    only_weighs = True

    def combine(self, jacobian_TP: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Combined:
        """The sum of the gradients times the rule's weights."""
        weights_T = self.weigh(gramian(jacobian_TP), losses_T.double().cpu(), rows)
        return Combined(weights_T.to(jacobian_TP) @ jacobian_TP, weights_T)

    @abstractmethod
    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """The weights_T of the gradients, all on the CPU in 64 bits.

        Args:
            gramian_TS: products <g_t, g_s> of the gradients; none of them is 0 as a whole.
            losses_T: losses of these tasks.
            rows: their places among the rule's tasks.
        """


def gramian(jacobian_TP: Tensor) -> Tensor:
    """J J^T, (T, T), on the CPU in 64 bits."""
    count = len(jacobian_TP)
    gramian_TS = torch.zeros(count, count, dtype=torch.float64, device=jacobian_TP.device)
    for chunk_TP in jacobian_TP.split(CHUNK, dim=1):
        chunk_TP = chunk_TP.double()
        gramian_TS += chunk_TP @ chunk_TP.mT
    return gramian_TS.cpu()


def ridged(gramian_TS: Tensor) -> Tensor:
    """G with a larger diagonal, where its gradients, scaled to length 1, have one below `FLOOR`.

    It is as if every gradient were a little longer, at right angles to all others; so the weights
    stay finite where no direction helps all tasks, and no scale of a loss matters.

    Args:
        gramian_TS: one, or a batch of them.
    """
    diagonal_T = gramian_TS.diagonal(dim1=-2, dim2=-1)
    scale_T = diagonal_T.rsqrt()
    cosines_TS = scale_T[..., None] * gramian_TS * scale_T[..., None, :]
    ridge = (FLOOR - torch.linalg.eigvalsh(cosines_TS)[..., :1]).clamp(min=0)
    return gramian_TS + (ridge * diagonal_T).diag_embed()
