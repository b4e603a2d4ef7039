"""MTL-LoRA: a transformation and a mixture of B's for every task.

Legend: T tasks, B images, L tokens, O width out, E up-projections, R S ranks, P = E * R.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import AboveZero, Positive, Share, Weight
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.routing import Routing


class MTLLoRA(LowRankAdapter):
    """y_t = (alpha / r) sum_e softmax(w_t / tau)_e B_e Lambda_t A x.

    Source: MTL-LoRA, arXiv 2410.09437, and its released code: Lambda_t = I at the start, w uniform
    up to 1 / sqrt(E), no balance loss. The paper writes Lambda_t as an r x r matrix, as does the
    code by default; `diagonal` is the code's option. A fused qkv layer gets one A and one set of
    B's. The update doesn't depend on the input, so that every task's can be merged.

    Args:
        num_up: E, number of B's.
        rank: r.
        temperature: tau; the lower, the more a task keeps to one B.
        diagonal: only the diagonals of Lambda are trained, the rest is 0.
    """

    shares_down = True

    def __init__(
        self,
        site: Site,
        num_up: Positive = 3,
        rank: Positive = 8,
        alpha: Weight = 16.0,
        temperature: AboveZero = 0.1,
        diagonal: bool = False,
        dropout: Share = 0.05,
        sites: Sites = ("qkv", "proj"),
    ) -> None:
        super().__init__(site, rank, alpha / rank, num_up * rank, dropout)
        self.temperature, self.num_experts = temperature, num_up
        start = torch.ones(rank) if diagonal else torch.eye(rank)
        self.task_core = nn.Parameter(start.expand(site.num_tasks, *start.shape).clone())
        self.choice_TE = nn.Parameter(torch.empty(site.num_tasks, num_up))
        nn.init.kaiming_uniform_(self.choice_TE, a=math.sqrt(5))

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """Every task's weights of the B's, the same for all images and tokens."""
        logits_TBLE = at_least_float32(self.choice_TE / self.temperature)[:, None, None]
        gate_TBLE = logits_TBLE.softmax(-1)
        return gate_TBLE, self.routing(logits_TBLE, gate_TBLE)

    def down(self, x_TBLD: Tensor) -> Tensor:
        """Lambda_t A x, (T, B, L, R)."""
        return torch.einsum("tblr,tsr->tbls", super().down(x_TBLD), self._lambda_TSR())

    def mix(self, z_TBLR: Tensor, gate_TBLE: Tensor) -> Tensor:
        """Lambda_t A x once for every B, times its weight, (T, B, L, P)."""
        return (gate_TBLE.to(z_TBLR.dtype).unsqueeze(-1) * z_TBLR.unsqueeze(-2)).flatten(-2)

    def delta_weight(self, task: int) -> Tensor:
        """The update of a task as a matrix_OD."""
        weight_E = (self.choice_TE[task] / self.temperature).softmax(-1)
        up_OR = torch.einsum("e,oer->or", weight_E, self.up_OP.unflatten(-1, (len(weight_E), -1)))
        return self.scale * up_OR @ self._lambda_TSR()[task] @ self.down_RD

    def _lambda_TSR(self) -> Tensor:
        diagonal = self.task_core.ndim == 2
        return torch.diag_embed(self.task_core) if diagonal else self.task_core

    def routers(self) -> list[nn.Parameter]:
        """What weighs the B's."""
        return [self.choice_TE]

    def private(self) -> list[nn.Parameter]:
        """Every task's Lambda and weights."""
        return [self.task_core, self.choice_TE]

    def embeddings(self) -> list[nn.Parameter]:
        """The same two: decay would pull Lambda from the identity to 0."""
        return self.private()
