"""Fixed weights: the sum of the tasks' losses times their weights. Legend: T tasks."""

from __future__ import annotations

from torch import Tensor

from mtl_ase.balance.balance import Balance


class FixedWeights(Balance):
    """total = sum_t w_t L_t, added in the order of the weights.

    Source: M3ViT, whose weights (semseg 1, human parts 2, saliency 5, normals 10, edges 50) we
    take, since the paper gives none.
    """

    adds_up = True

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The sum; a loss of 0 adds nothing."""
        return losses_T.sum()
