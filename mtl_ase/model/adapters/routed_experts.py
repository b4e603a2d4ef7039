"""The paper's adapter: LoRA experts with a router per task.

Legend: T tasks, B images, L tokens, D width in, E experts.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from mtl_ase.base.bounds import Count, Positive, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters.gates import Gate
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.router import NoisyRouter
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.routing import Routing


class MakeGate(Protocol):
    """A gate class or partial that takes only the expert counts."""

    def __call__(self, *, num_experts: int, top_k: int, num_shared: int) -> Gate:
        """Build the gate."""


class RoutedExperts(LowRankAdapter):
    """Task-routed LoRA experts, y = sum_e g_e(x, t) B_e A_e x (arXiv 2510.00570, Eq. 3-4, Fig. 1).

    In the paper they stand beside the FFN; it writes the settings as N/k/S/r:
    num_experts/top_k/num_shared/rank.

    Args:
        gate: makes the gate, which turns router logits into expert weights (the method).
        num_experts: N, all experts, shared ones included.
        top_k: k, sparse experts per token, shared ones excluded.
        num_shared: S, experts that every token uses.
        rank: r, rank of one expert.
        alpha_per_rank: LoRA's alpha divided by r (the paper is silent; docs/paper.md: alpha = 2 r).
        granularity: g, every expert is split into g experts of rank r / g at the same parameter
            count, as in the paper's fine-grained settings: g N / g k / g S / (r / g).
        logits_std: standard deviation of the routers' first logits.
        noise_std: that of the routers' noise at the start; 0: no noise.
        router_lr_factor: on the learning rate, for the routers.

    Raises:
        UserError: a count is out of range, or g does not divide the rank.
    """

    takes_task_axis = True

    def __init__(
        self,
        site: Site,
        gate: MakeGate,
        num_experts: Positive,
        top_k: int,
        num_shared: Count,
        rank: Positive,
        alpha_per_rank: Weight = 2.0,
        granularity: int = 1,
        logits_std: Weight = 0.05,
        noise_std: Weight = 0.1,
        router_lr_factor: Weight = 0.1,
        sites: Sites = ("ffn",),
    ) -> None:
        if rank < 1:
            raise UserError(f"model.adapter.rank={rank} is not a rank; choose 1 or more.")
        if granularity < 1 or rank % granularity:
            raise UserError(
                f"model.adapter.granularity={granularity} can't split experts of "
                f"model.adapter.rank={rank}; choose a number that divides the rank."
            )
        counts = (granularity * count for count in (num_experts, top_k, num_shared))
        num_experts, top_k, num_shared = counts
        expert_gate = gate(num_experts=num_experts, top_k=top_k, num_shared=num_shared)
        sizes = (site.num_tasks, site.width_in, expert_gate.num_logits)
        router = NoisyRouter(*sizes, logits_std, noise_std)
        super().__init__(site, num_experts * rank // granularity, alpha_per_rank)
        self.gate, self.router, self.num_experts = expert_gate, router, num_experts
        self.router_lr_factor = router_lr_factor

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """Weights of all experts; the sparse ones' logits are what a regulariser sees."""
        logits_TBLE = self.router(x_TBLD)
        gate_TBLE = self.gate(logits_TBLE)
        return gate_TBLE, self.routing(logits_TBLE[..., : self.gate.num_sparse], gate_TBLE)

    def routers(self) -> list[nn.Parameter]:
        """Logits and noise of the task routers."""
        return list(self.router.parameters())

    def learning_rates(self) -> dict[nn.Parameter, float]:
        """Routers learn more slowly: else they settle before the experts have learned anything."""
        return dict.fromkeys(self.routers(), self.router_lr_factor)

    def private(self) -> list[nn.Parameter]:
        """The routers: every task has its own."""
        return self.routers()
