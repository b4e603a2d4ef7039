"""MGDA. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule
from mtl_ase.balance.quadratic_programme import shortest_in_hull

SMALLEST_LOSS = 1e-12


class MGDA(GramianRule):
    """d = J^T w, the shortest vector in the hull of the gradients: min w^T G w, w >= 0, sum 1.

    Source: multi-task learning as multi-objective optimisation, arXiv 1810.04650. There Frank and
    Wolfe's method finds w, to 1e-5; we solve it exactly. The official code can normalise the
    gradients before it looks for w, which the paper does not mention; as there, w then weighs the
    gradients as they are (LibMTL: the normalised ones). The paper's MGDA-UB replaces the gradients
    by those of the shared representation; we have no need to, since all come from one pass.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        normalise: divide each gradient by nothing, its length (l2), its loss, or both (loss+).
        weigh_private: multiply the gradients of what only one task uses by its weight, too, as the
            official code does.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        normalise: Literal["none", "l2", "loss", "loss+"] = "none",
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.normalise = normalise

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """Weights_T with sum 1."""
        scale_T = gramian_TS.new_ones(len(rows))
        if self.normalise in ("loss", "loss+"):
            scale_T = scale_T / losses_T.abs().clamp(min=SMALLEST_LOSS)
        if self.normalise in ("l2", "loss+"):
            scale_T = scale_T * gramian_TS.diagonal().rsqrt()
        return shortest_in_hull(scale_T[:, None] * gramian_TS * scale_T)
