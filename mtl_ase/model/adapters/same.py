"""The experts of SAME. Legend: T tasks, B images, L tokens, E experts."""

from __future__ import annotations

from torch import Tensor

from mtl_ase.base.bounds import AboveZero, Positive, Share, Weight
from mtl_ase.model.adapters.same_memory import SAMEMemory
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.adapters.token_routed import TokenRouted


class SAME(TokenRouted):
    """y = (alpha / r) sum_e w_e(x) B_e A_e x, w = softmax(W_r x) of every token.

    Source: SAME, arXiv 2602.01990. We follow the paper's sum over experts of rank r. The released
    code differs: it splits r over the experts, averages w over the whole batch, and multiplies
    mixtures, (sum_e w_e B_e) (sum_e w_e A_e) x, so its experts aren't separate. Open in the paper,
    chosen by us: the scale alpha = 2 r and dropout of the code, and LoRA's initial values.

    The paper's changes of gradients and routing protect tasks that came before. They act only with
    `data.stages`, and are in `SAMEMemory`; without, the last five options do nothing.

    Args:
        num_experts: E.
        rank: r, rank of one expert.
        delta: share of sum lambda^2 that spans the principal subspace of past inputs.
        mu: added to the eigenvalues of their covariance before they are inverted.
        tau: least score of an expert that is not frozen.
        router_floor: least g(lambda), on the router's gradient in that subspace.
        statistics_every_n_steps: optimiser steps between two observations.
    """

    def __init__(
        self,
        site: Site,
        num_experts: Positive = 8,
        rank: Positive = 8,
        alpha: Weight = 16.0,
        dropout: Share = 0.05,
        sites: Sites = ("fc1", "fc2"),
        delta: Share = 0.9,
        mu: AboveZero = 0.9,
        tau: float = 0.1,
        router_floor: Share = 0.8,
        statistics_every_n_steps: Positive = 20,
    ) -> None:
        super().__init__(site, num_experts, num_experts * rank, alpha / rank, dropout=dropout)
        self.protection = (delta, mu, tau, router_floor, statistics_every_n_steps)
        self.memory: SAMEMemory | None = None

    def begin_stages(self) -> SAMEMemory:
        """What protects earlier stages; from now on every task has a pass of its own."""
        self.knows_tasks = True
        if self.memory is None:
            weights = (self.router_ED, self.down_RD, self.up_OP)
            self.memory = SAMEMemory(weights, self.site.num_tasks, *self.protection)
        return self.memory

    def weigh(self, logits_TBLE: Tensor) -> Tensor:
        """Weights_TBLE of all experts; 0 for those frozen for a task, the others sum to 1."""
        if self.memory is not None:
            frozen_T11E = self.memory.frozen_TE[:, None, None] > 0.5
            logits_TBLE = logits_TBLE.masked_fill(frozen_T11E, float("-inf"))
        return super().weigh(logits_TBLE)
