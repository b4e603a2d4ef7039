"""Geometric loss strategy. Legend: T tasks."""

from __future__ import annotations

from torch import Tensor

from mtl_ase.balance.balance import Balance
from mtl_ase.balance.present_tasks import logs


class GLS(Balance):
    """total = (prod_t L_t)^(1/T), the geometric mean: every task weighs by the inverse of its loss.

    Source: MultiNet++, arXiv 1904.08492. The tasks' weights scale the total, but not its weights
    relative to each other. Its scale is a mean's, not a sum's, so what is added to it (the
    regularisers) weighs more than with fixed weights.
    """

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The mean over the tasks that are present; 0 without any."""
        mean = logs(losses_T, present_T).sum() / present_T.sum().clamp(min=1)
        return mean.exp() * present_T.any()
