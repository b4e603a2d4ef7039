"""Routers: one noisy linear router per task.

Legend: T tasks, B images, L tokens, D width, E router outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from mtl_ase.base.numerics import at_least_float32

MIN_STD = 0.01
"""Minimum standard deviation of the noise, as in Mod-Squad's TaskMoE."""


class NoisyRouter(nn.Module):
    """One linear router per task, with noise of learned standard deviation during training.

    z = W_t x + eps * (softplus(V_t x) + MIN_STD), eps ~ N(0, 1) in training, 0 in evaluation; no
    bias. Source: task-specific routers R_t of arXiv 2510.00570, Eq. 12; noise as in Mod-Squad's
    TaskMoE. Our deviations: no noise in evaluation; V starts at zero.

    Args:
        num_tasks: T, number of tasks and routers.
        width: D, features of a token.
        num_logits: E, logits per token.
    """

    def __init__(self, num_tasks: int, width: int, num_logits: int) -> None:
        super().__init__()
        self.logits_TDE = nn.Parameter(torch.empty(num_tasks, width, num_logits))
        self.noise_TDE = nn.Parameter(torch.zeros(num_tasks, width, num_logits))
        nn.init.trunc_normal_(self.logits_TDE, std=0.02)

    def forward(self, x_TBLD: Tensor) -> Tensor:
        """Router logits_TBLE, in float32 also under autocast (float64 for float64 weights)."""
        if not self.training:
            return at_least_float32(torch.einsum("tbld,tde->tble", x_TBLD, self.logits_TDE))
        both_TDE = torch.cat([self.logits_TDE, self.noise_TDE], -1)
        both_TBLE = at_least_float32(torch.einsum("tbld,tde->tble", x_TBLD, both_TDE))
        logits_TBLE, raw_TBLE = both_TBLE.chunk(2, -1)
        noise_TBLE = torch.randn_like(logits_TBLE) * (softplus(raw_TBLE) + MIN_STD)
        return logits_TBLE + noise_TBLE
