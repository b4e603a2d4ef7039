"""TeamLoRA: experts on segments of one A. Legend: T tasks, B images, L tokens, E experts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.routing import Routing


class TeamLoRA(LowRankAdapter):
    """y = (alpha / r) sum_e omega_e(x) B_e z_e, z = A x in E segments, omega = M softmax(S(x)).

    Source: TeamLoRA, arXiv 2408.09856: one wide A, experts B_e of rank r on its segments, a matrix
    M between their scores; omega is not divided by its sum. Open in the paper, chosen by us: S is
    an MLP of tokens with GELU, S and M serve all tasks, the start of M, alpha = 2 r.

    Args:
        num_experts: E.
        rank: r, rank of one expert; A has E * r rows.
        hidden: hidden units of S.
        interaction: initial value of M off the diagonal; on it, M starts as 1.
    """

    knows_tasks = False

    def __init__(
        self,
        site: Site,
        num_experts: Positive = 4,
        rank: Positive = 16,
        alpha: Weight = 32.0,
        hidden: Positive = 32,
        interaction: float = 0.25,
        dropout: Share = 0.0,
        sites: Sites = ("fc1", "fc2"),
    ) -> None:
        super().__init__(site, num_experts * rank, alpha / rank, dropout=dropout)
        first, second = nn.Linear(site.width_in, hidden), nn.Linear(hidden, num_experts)
        self.scores, self.num_experts = nn.Sequential(first, nn.GELU(), second), num_experts
        start_EE = interaction + (1 - interaction) * torch.eye(num_experts)
        self.interaction_EE = nn.Parameter(start_EE)

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """The experts' weights after their interaction; the decisions are those before it."""
        logits_TBLE = at_least_float32(self.scores(x_TBLD))
        prob_TBLE = logits_TBLE.softmax(-1)
        return prob_TBLE @ self.interaction_EE.mT, self.routing(logits_TBLE, prob_TBLE)

    def routers(self) -> list[nn.Parameter]:
        """Scores and interaction."""
        return [*self.scores.parameters(), self.interaction_EE]

    def embeddings(self) -> list[nn.Parameter]:
        """The interaction: decay would pull it from the identity to 0."""
        return [self.interaction_EE]
