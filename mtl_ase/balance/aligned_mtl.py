"""Aligned-MTL. Legend: T, S tasks, R eigenvalues that are not 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule


class AlignedMTL(GramianRule):
    """w = sqrt(l) V L^(-1/2) V^T 1/T with G = V L V^T: the principal components get length sqrt(l).

    So the matrix of the gradients, with condition number 1 then, has no dominant or conflicting
    directions; d is the mean of its rows.

    Source: independent component alignment, arXiv 2305.19000; l is the smallest eigenvalue. The
    official code can also take the lower median, or the mean (rmse), of the eigenvalues, and sums
    where the paper and we take the mean of the tasks. Eigenvalues below the precision of 32 bits,
    in which the official code computes G, count as 0.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        scale: of the eigenvalues, which one gives the length: the smallest (min), the lower median,
            or their mean (rmse).
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        scale: Literal["min", "median", "rmse"] = "min",
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.scale = scale

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """Weights_T; none is negative for orthogonal gradients, but some may be for others."""
        values_T, vectors_TS = torch.linalg.eigh(gramian_TS)
        kept_T = values_T > values_T[-1] * len(rows) * torch.finfo(torch.float32).eps
        values_R, vectors_TR = values_T[kept_T], vectors_TS[:, kept_T]
        scales = {"min": values_R[0], "median": values_R.median(), "rmse": values_R.mean()}
        factors_R = (scales[self.scale] / values_R).sqrt()
        return vectors_TR @ (factors_R * vectors_TR.mean(0))
