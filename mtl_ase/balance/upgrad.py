"""UPGrad. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule, ridged
from mtl_ase.balance.quadratic_programme import shortest_above


class UPGrad(GramianRule):
    """d is the mean of the gradients' projections on the cone of {d: J d >= 0}.

    The projection of g_t is J^T v, where v minimises v^T G v over v >= e_t. So d conflicts with no
    gradient, and is linear in the scale of each one.

    Source: Jacobian descent, arXiv 2406.16232, which introduces TorchJD. TorchJD solves the
    programmes by quadprog with a ridge of 1e-4; we solve them exactly, with a ridge only where two
    gradients or more nearly cancel.

    Args:
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """Weights_T of at least 1/T."""
        gramian_TS = ridged(gramian_TS)
        each_TS = torch.eye(len(rows), dtype=gramian_TS.dtype) / len(rows)
        return torch.stack([shortest_above(gramian_TS, e_S) for e_S in each_TS]).sum(0)
