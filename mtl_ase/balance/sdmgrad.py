"""SDMGrad. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from mtl_ase.balance.gradient_rule import GramianRule
from mtl_ase.balance.quadratic_programme import shortest_towards_mean
from mtl_ase.base.bounds import Weight


class SDMGrad(GramianRule):
    """d = (J^T w + l g_0) / (1 + l), w the minimiser of |J^T w + l g_0| with w >= 0, sum 1.

    g_0 is the mean gradient, in whose direction MGDA is drawn: l = 0 is MGDA, a large l the mean.

    Source: direction-oriented multi-objective learning, arXiv 2305.18409. The paper takes the
    gradients of three independent batches: G from two of them, d from the third, which makes the
    slopes in w unbiased; here one batch gives all. So the inner problem has no noise and is solved
    exactly; the official code instead takes 20 steps of SGD from the w of the step before. It also
    divides G by the squared mean length of the gradients, which changes no solution.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        pull: l, how strongly d is drawn to the mean gradient.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.
    """

    def __init__(
        self, weights: Mapping[str, float], pull: Weight = 0.3, weigh_private: bool = False
    ) -> None:
        super().__init__(weights, weigh_private)
        self.pull = pull

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """Weights_T with sum 1."""
        w_T = shortest_towards_mean(gramian_TS, self.pull)
        return (w_T + self.pull / len(rows)) / (1 + self.pull)
