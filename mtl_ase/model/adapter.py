"""The adapter beside one FFN: router, gate and experts.

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
    """What a layer's router did, as means over images and tokens."""

    prob_TE: Tensor  #: softmax over the sparse logits, with gradient (for the MI regulariser)
    gate_TE: Tensor  #: gate weight of every expert, detached
    load_TE: Tensor  #: share of tokens that use an expert, detached


class MakeGate(Protocol):
    """A gate class with all but the counts bound."""

    def __call__(self, *, num_experts: int, top_k: int, num_shared: int) -> Gate:
        """Build the gate."""


class ExpertAdapter(nn.Module):
    """Task-routed LoRA experts that run beside a frozen FFN (arXiv 2510.00570, Fig. 1).

    The setting is written N/k/S/r in the paper: num_experts/top_k/num_shared/rank.

    Args:
        width: D, width of a token.
        num_tasks: T, number of tasks (and of routers).
        gate: which method: turns router logits into expert weights.
        num_experts: N, all experts, shared ones included.
        top_k: k, sparse experts per token, shared ones excluded.
        num_shared: S, experts that every token uses.
        rank: r of one expert.
        alpha_per_rank: LoRA alpha in units of the rank (paper.md's decision: alpha = 2 r).
        granularity: g, finer experts that every one above is split into at the same budget, as in
            the paper's fine-grained settings: g N / g k / g S / (r / g).

    Raises:
        UserError: a count is out of range, or the rank can't be split.
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
            raise UserError(f"model.adapter.rank={rank} is no rank; choose 1 or more.")
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
        """The experts' weighted sum, shaped like x_TBLD, and the routing statistics."""
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
