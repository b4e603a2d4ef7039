"""Routers: one noisy linear router per task.

Legend: T tasks, B images, L tokens, D width, E router outputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32

MIN_STD = 0.01
"""Minimum standard deviation of the noise, as in Mod-Squad's TaskMoE."""


class NoisyRouter(nn.Module):
    """One linear router per task, with noise of learned standard deviation during training.

    z = W_t x + eps * (softplus(V_t x + c) + MIN_STD), eps ~ N(0, 1) in training, 0 in evaluation;
    no bias. Source: task-specific routers R_t of arXiv 2510.00570, Eq. 12; noise as in Mod-Squad's
    TaskMoE. Our deviations: no noise in evaluation; V starts at zero, and the constant c gives the
    noise a small deviation there, where Mod-Squad's is 0.70 (docs/paper.md).

    Args:
        num_tasks: T, number of tasks and routers.
        width: D, features of a token.
        num_logits: E, logits per token.
        logits_std: standard deviation of the first logits of a token of unit variance. Small, all
            selected experts begin with nearly the same weight.
        noise_std: standard deviation of the noise at the start; 0 leaves the noise and V out.

    Raises:
        UserError: `noise_std` is above 0, but not above MIN_STD.
    """

    def __init__(
        self,
        num_tasks: int,
        width: int,
        num_logits: int,
        logits_std: float = 0.05,
        noise_std: float = 0.1,
    ) -> None:
        super().__init__()
        if 0 < noise_std <= MIN_STD:
            raise UserError(
                f"model.adapter.noise_std={noise_std} is below what the noise keeps, {MIN_STD}; "
                "choose more, or 0 for none."
            )
        self.logits_TDE = nn.Parameter(torch.empty(num_tasks, width, num_logits))
        nn.init.trunc_normal_(self.logits_TDE, std=logits_std / math.sqrt(width))
        start_TDE = torch.zeros(num_tasks, width, num_logits)
        self.noise_TDE = nn.Parameter(start_TDE) if noise_std else None
        self.shift = math.log(math.expm1(noise_std - MIN_STD)) if noise_std else 0.0

    def forward(self, x_TBLD: Tensor) -> Tensor:
        """Router logits_TBLE, in float32 also under autocast (float64 for float64 weights)."""
        if self.noise_TDE is None or not self.training:
            return at_least_float32(torch.einsum("tbld,tde->tble", x_TBLD, self.logits_TDE))
        both_TDE = torch.cat([self.logits_TDE, self.noise_TDE], -1)
        both_TBLE = at_least_float32(torch.einsum("tbld,tde->tble", x_TBLD, both_TDE))
        logits_TBLE, raw_TBLE = both_TBLE.chunk(2, -1)
        std_TBLE = softplus(raw_TBLE + self.shift) + MIN_STD
        return logits_TBLE + torch.randn_like(logits_TBLE) * std_TBLE
