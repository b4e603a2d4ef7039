"""MTL-LoRA: a transformation and a mixture of B's for every task.

Legend: T tasks, B images, L tokens, O width out, E up-projections, R S ranks, P = E * R.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.routing import Routing


class MTLLoRA(LowRankAdapter):
    """y_t = (alpha / r) sum_e softmax(w_t / tau)_e B_e Lambda_t A x.

    Source: MTL-LoRA, arXiv 2410.09437, and its released code: Lambda_t = I at the start, w uniform
    up to 1 / sqrt(E), no balance loss. The paper writes Lambda_t as an r x r matrix, as does the
    code by default; `diagonal` is the code's option. A fused qkv layer gets one A and one set of
    B's. The update doesn't depend on the input, so that every task's can be merged.

    Args:
        site: where this adapter stands.
        num_up: E, number of B's.
        rank: r.
        alpha: the update is scaled by alpha / r.
        temperature: tau; the lower, the more a task keeps to one B.
        diagonal: only the diagonals of Lambda are trained, the rest is 0.
        dropout: on the input, in training.
        sites: where a block gets one.

    Raises:
        UserError: the temperature is not positive.
    """

    def __init__(
        self,
        site: Site,
        num_up: Positive = 3,
        rank: int = 8,
        alpha: Weight = 16.0,
        temperature: Weight = 0.1,
        diagonal: bool = False,
        dropout: Share = 0.05,
        sites: Sequence[str] = ("qkv", "proj"),
    ) -> None:
        if not temperature > 0:
            raise UserError(
                f"model.adapter.temperature={temperature} is not positive; choose e.g. 0.1."
            )
        super().__init__(site, rank, alpha / max(rank, 1), num_up * rank, dropout)
        self.temperature = temperature
        start_RR = torch.ones(rank) if diagonal else torch.eye(rank)
        self.task_core = nn.Parameter(start_RR.expand(site.num_tasks, *start_RR.shape).clone())
        self.choice_TE = nn.Parameter(torch.empty(site.num_tasks, num_up))
        nn.init.kaiming_uniform_(self.choice_TE, a=math.sqrt(5))

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """Every task's weights of the B's, the same for all images and tokens."""
        logits_TBLE = at_least_float32(self.choice_TE / self.temperature)[:, None, None]
        gate_TBLE = logits_TBLE.softmax(-1)
        return gate_TBLE, self.routing(logits_TBLE, gate_TBLE)

    def mix(self, z_TBLR: Tensor, gate_TBLE: Tensor | None) -> Tensor:
        """Lambda_t A x once for every B, times its weight, (T, B, L, P)."""
        assert gate_TBLE is not None
        core_TPR = self._core(gate_TBLE[:, 0, 0]).to(z_TBLR.dtype)
        return torch.einsum("tblr,tpr->tblp", z_TBLR, core_TPR)

    def delta_weight(self, task: int) -> Tensor:
        """The update of a task as a matrix_OD."""
        weight_TE = (self.choice_TE / self.temperature).softmax(-1)
        return self.scale * self.up_OP @ self._core(weight_TE)[task] @ self.down_RD

    def _core(self, weight_TE: Tensor) -> Tensor:
        """The matrices_TPR between A and the B's: weights (x) Lambda."""
        diagonal = self.task_core.ndim == 2
        lambda_TSR = torch.diag_embed(self.task_core) if diagonal else self.task_core
        return torch.einsum("te,tsr->tesr", weight_TE, lambda_TSR).flatten(1, 2)

    def routers(self) -> Sequence[nn.Parameter]:
        """What weighs the B's."""
        return [self.choice_TE]

    def private(self) -> Sequence[nn.Parameter]:
        """Every task's Lambda and weights."""
        return [self.task_core, self.choice_TE]

    def embeddings(self) -> Sequence[nn.Parameter]:
        """The same two: decay would pull Lambda from the identity to 0."""
        return [self.task_core, self.choice_TE]
