"""The adapter parallel to one FFN: router, gate and experts.

Legend: T tasks, B images, L tokens, D width, E experts.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor, nn

from mtl_ase.base.bounds import Count, Positive, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.model.experts import LowRankExperts
from mtl_ase.model.gates import Gate
from mtl_ase.model.router import NoisyRouter


class Routing(NamedTuple):
    """Routing statistics of a layer, means over images and tokens."""

    prob_TE: Tensor  #: softmax over the sparse logits, with gradient (for the MI regulariser)
    gate_TE: Tensor  #: gate weight of every expert, detached
    load_TE: Tensor  #: share of tokens with a non-zero gate weight, detached


class MakeGate(Protocol):
    """A gate class or partial that takes only the expert counts."""

    def __call__(self, *, num_experts: int, top_k: int, num_shared: int) -> Gate:
        """Build the gate."""


class ExpertAdapter(nn.Module):
    """Task-routed LoRA experts parallel to a frozen FFN (arXiv 2510.00570, Fig. 1).

    The paper writes the settings as N/k/S/r: num_experts/top_k/num_shared/rank.

    Args:
        width: D, features of a token.
        num_tasks: T, number of tasks and routers.
        gate: makes the gate, which turns router logits into expert weights (the method).
        num_experts: N, all experts, shared ones included.
        top_k: k, sparse experts per token, shared ones excluded.
        num_shared: S, experts that every token uses.
        rank: r, rank of one expert.
        alpha_per_rank: LoRA's alpha divided by r (the paper is silent; docs/paper.md: alpha = 2 r).
        granularity: g, every expert is split into g experts of rank r / g at the same parameter
            count, as in the paper's fine-grained settings: g N / g k / g S / (r / g).

    Raises:
        UserError: a count is out of range, or g does not divide the rank.
    """

    def __init__(
        self,
        width: int,
        num_tasks: int,
        gate: MakeGate,
        num_experts: Positive,
        top_k: int,
        num_shared: Count,
        rank: int,
        alpha_per_rank: Weight = 2.0,
        granularity: int = 1,
    ) -> None:
        super().__init__()
        if rank < 1:
            raise UserError(f"model.adapter.rank={rank} is not a rank; choose 1 or more.")
        if granularity < 1 or rank % granularity:
            raise UserError(
                f"model.adapter.granularity={granularity} can't split experts of "
                f"model.adapter.rank={rank}; choose a number that divides the rank."
            )
        num_experts, top_k, num_shared = (
            granularity * count for count in (num_experts, top_k, num_shared)
        )
        rank //= granularity
        self.gate = gate(num_experts=num_experts, top_k=top_k, num_shared=num_shared)
        self.router = NoisyRouter(num_tasks, width, self.gate.num_logits)
        self.experts = LowRankExperts(width, num_experts, rank, alpha_per_rank * rank)

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """The experts' gate-weighted sum, (T, B, L, D), and the routing statistics."""
        logits_TBLE = self.router(x_TBLD)
        gate_TBLE = self.gate(logits_TBLE)
        return self.experts(x_TBLD, gate_TBLE), self._routing(logits_TBLE, gate_TBLE)

    def _routing(self, logits_TBLE: Tensor, gate_TBLE: Tensor) -> Routing:
        sparse_TBLE = logits_TBLE[..., : self.gate.num_sparse]
        gate_TBLE = gate_TBLE.detach()
        return Routing(
            prob_TE=sparse_TBLE.softmax(-1).mean((1, 2)),
            gate_TE=gate_TBLE.mean((1, 2)),
            load_TE=(gate_TBLE > 0).float().mean((1, 2)),
        )
