"""SAME's protection of earlier stages.

Legend: T tasks, B images, L tokens, N tokens of a batch, D width in, O width out, E experts, R rows
of A.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, distributed, nn

from mtl_ase.launch.world import num_processes
from mtl_ase.model.adapters.stage_memory import StageMemory
from mtl_ase.model.adapters.subspace import (
    eigen,
    inverse_factors,
    rescaled,
    router_factors,
    with_norm_of,
)


class SAMEMemory(StageMemory):
    """Covariance of the inputs, use of the experts, and what follows for gradients and routing.

    Router: the part of the gradient in the principal subspace of the past inputs is multiplied by
    g(lambda) <= 1. Experts: the gradient of every A_e is multiplied by (C + mu I)^-1 of the past
    covariance C, and scaled back to its norm. Activation: from the second stage on, experts with
    Score = minmax(utilisation) - minmax(past importance) < tau are frozen; the best is never.
    docs/continual.md says what of the paper (arXiv 2602.01990) and of its code this follows.

    Args:
        weights: the adapter's router_ED, down_RD and up_OR.
        num_tasks: T.
        delta: share of sum lambda^2 that spans the principal subspace.
        mu: added to the eigenvalues before they are inverted.
        tau: least score of an expert that is not frozen.
        floor: least g(lambda).
        every_n_steps: optimiser steps between two observations.

    Attributes:
        covariance_DD: mean of x x^T, uncentred, over the tokens of all stages so far: the paper's
            (alpha_{t-1} C^{t-1} + n_t Chat^t) / alpha_t, kept as a running mean.
        values_D: eigenvalues of the covariance at the end of the last completed stage.
        vectors_DD: its eigenvectors.
        utilisation_E: mean weight of every expert in this stage.
        importance_E: mean of w_e(x) ||x||^2 over all stages so far.
        past_importance_E: the same at the end of the last completed stage.
        frozen_TE: 1 where an expert is frozen for the tasks of a stage, else 0; it stays so in
            these tasks' passes. A float, for averaged weights (EMA) average buffers too.
        counts_2: tokens observed in all stages, and in this one.
    """

    def __init__(
        self,
        weights: tuple[nn.Parameter, nn.Parameter, nn.Parameter],
        num_tasks: int,
        delta: float,
        mu: float,
        tau: float,
        floor: float,
        every_n_steps: int,
    ) -> None:
        super().__init__(every_n_steps)
        self._weights = weights  # in a tuple: they are the adapter's parameters, not this module's
        self.delta, self.mu, self.tau, self.floor = delta, mu, tau, floor
        experts, width = weights[0].shape
        shapes = {
            "covariance_DD": (width, width),
            "values_D": (width,),
            "vectors_DD": (width, width),
            "utilisation_E": (experts,),
            "importance_E": (experts,),
            "past_importance_E": (experts,),
            "frozen_TE": (num_tasks, experts),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("counts_2", torch.zeros(2, dtype=torch.int64))

    covariance_DD: Tensor
    values_D: Tensor
    vectors_DD: Tensor
    utilisation_E: Tensor
    importance_E: Tensor
    past_importance_E: Tensor
    frozen_TE: Tensor
    counts_2: Tensor

    @torch.no_grad()
    def observe(self, x_TBLD: Tensor, rows: Sequence[int], later: bool) -> None:
        """Add a batch's tokens of all processes to the means; choose the frozen experts anew."""
        router_ED, dtype = self._weights[0], self.covariance_DD.dtype
        with torch.autocast(x_TBLD.device.type, enabled=False):
            x_ND = x_TBLD[list(rows)].flatten(0, 2).to(dtype)
            weight_NE = (x_ND @ router_ED.mT.to(dtype)).softmax(-1)
            energy_N1 = x_ND.square().sum(-1, keepdim=True)
            sums = [x_ND.mT @ x_ND, (weight_NE * energy_N1).sum(0), weight_NE.sum(0)]
        count = len(x_ND) * num_processes()
        if num_processes() > 1:
            for value in sums:
                distributed.all_reduce(value)
        self.counts_2 += count
        share_2 = (count / self.counts_2).to(dtype)
        self.covariance_DD.lerp_(sums[0] / count, share_2[0])
        self.importance_E.lerp_(sums[1] / count, share_2[0])
        self.utilisation_E.lerp_(sums[2] / count, share_2[1])
        if later:
            self.frozen_TE[list(rows)] = self.frozen().to(dtype)

    def frozen(self) -> Tensor:
        """True for the experts to freeze in this stage."""
        score_E = _min_max(self.utilisation_E) - _min_max(self.past_importance_E)
        return (score_E < self.tau).scatter(0, score_E.argmax(0, keepdim=True), False)

    @torch.no_grad()
    def shape_gradients(self) -> None:
        """Scale the router's principal part, and precondition every expert's A."""
        router_ED, down_RD, _ = (weight.grad for weight in self._weights)
        if router_ED is not None:
            factor_D = router_factors(self.values_D, self.delta, self.floor)
            router_ED.copy_(rescaled(router_ED.to(factor_D.dtype), self.vectors_DD, factor_D))
        if down_RD is not None:
            factor_D = inverse_factors(self.values_D, self.delta, self.mu)
            before_ERD = down_RD.to(factor_D.dtype).unflatten(0, (len(self.utilisation_E), -1))
            after_ERD = rescaled(before_ERD, self.vectors_DD, factor_D)
            down_RD.copy_(with_norm_of(after_ERD, before_ERD).flatten(0, 1))

    def kept(self, rows: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """A and B of the frozen experts."""
        _, down_RD, up_OR = self._weights
        frozen_E = self.frozen_TE[rows[0]] > 0.5
        frozen_R = frozen_E.repeat_interleave(len(down_RD) // len(frozen_E))
        yield down_RD, frozen_R[:, None]
        yield up_OR, frozen_R

    @torch.no_grad()
    def end_stage(self) -> None:
        """Decompose the covariance, keep the importance, and begin a new mean of the use."""
        dtype = torch.promote_types(self.covariance_DD.dtype, torch.float32)
        values_D, vectors_DD = eigen(self.covariance_DD.to(dtype))
        self.values_D.copy_(values_D)
        self.vectors_DD.copy_(vectors_DD)
        self.past_importance_E.copy_(self.importance_E)
        self.utilisation_E.zero_()
        self.counts_2[1] = 0


def _min_max(value_E: Tensor) -> Tensor:
    """Scaled to 0 to 1; 0 where all are equal."""
    least, span = value_E.min(), value_E.max() - value_E.min()
    return torch.where(span > 0, (value_E - least) / span, 0.0)
