"""The weighted sum of the task losses."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtl_ase.base.errors import UserError


class WeightedSum(nn.Module):
    """Fixed task weights: total = sum_t w_t L_t, added in the order of the weights.

    Source: M3ViT, whose weights (semseg 1, human parts 2, saliency 5, normals 10, edges 50) we
    take, since the paper gives none.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Set the weight of each task, by name.

        Raises:
            UserError: all weights are 0.
        """
        super().__init__()
        if not any(weights.values()):
            raise UserError(
                "all tasks have weight 0, so nothing would be learnt; give one a weight, e.g. "
                f"tasks.{next(iter(weights), 'NAME')}.weight=1."
            )
        self.weights = dict(weights)

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The total loss, a scalar, from one scalar loss per task name.

        Raises:
            UserError: the names of losses and weights differ.
        """
        if losses.keys() != self.weights.keys():
            raise UserError(
                f"WeightedSum: weights for {sorted(self.weights)} but losses of {sorted(losses)}; "
                "give each task one weight."
            )
        weighted_T = [weight * losses[name] for name, weight in self.weights.items()]
        return torch.stack(weighted_T).sum()
