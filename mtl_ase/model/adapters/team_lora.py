"""TeamLoRA: experts on segments of one A.

Legend: T tasks, B images, L tokens, E experts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.routing import Routing


class TeamLoRA(LowRankAdapter):
    """y = (alpha / r) sum_e omega_e(x) B_e z_e, z = A x in E segments, omega = M softmax(S(x)).

    Source: TeamLoRA, arXiv 2408.09856: one wide A, experts B_e of rank r on its segments, and an
    interaction matrix M between their scores. Open in the paper, chosen by us: S is an MLP with one
    hidden layer and GELU, of tokens; M starts as 1 on and 1 / E off the diagonal; omega is not
    divided by its sum, as in the paper's formula; alpha = 2 r. One S and M for all tasks.

    Args:
        site: where this adapter stands; in the paper at the FFN's layers.
        num_experts: E.
        rank: r, rank of one expert; A has E * r rows.
        alpha: the update is scaled by alpha / r.
        hidden: hidden units of S.
        interaction: initial value of M off the diagonal; None: 1 / E.
        dropout: on the input of A, in training.
        sites: where a block gets one.
    """

    knows_tasks = False

    def __init__(
        self,
        site: Site,
        num_experts: Positive = 4,
        rank: int = 16,
        alpha: Weight = 32.0,
        hidden: Positive = 32,
        interaction: float | None = None,
        dropout: Share = 0.0,
        sites: Sequence[str] = ("fc1", "fc2"),
    ) -> None:
        super().__init__(site, num_experts * rank, alpha / max(rank, 1), dropout=dropout)
        self.scores = nn.Sequential(
            nn.Linear(site.width_in, hidden), nn.GELU(), nn.Linear(hidden, num_experts)
        )
        off_diagonal = 1 / num_experts if interaction is None else interaction
        start_EE = torch.full((num_experts, num_experts), off_diagonal).fill_diagonal_(1.0)
        self.interaction_EE = nn.Parameter(start_EE)

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """The experts' weights after their interaction; the decisions are those before it."""
        logits_TBLE = at_least_float32(self.scores(x_TBLD))
        prob_TBLE = logits_TBLE.softmax(-1)
        gate_TBLE = (self.interaction_EE * prob_TBLE.unsqueeze(-2)).sum(-1)
        return gate_TBLE, self.routing(logits_TBLE, prob_TBLE)

    def routers(self) -> Sequence[nn.Parameter]:
        """Scores and interaction."""
        return [*self.scores.parameters(), self.interaction_EE]

    def embeddings(self) -> Sequence[nn.Parameter]:
        """The interaction: decay would pull it from the identity to 0."""
        return [self.interaction_EE]
