"""Routers: one noisy linear router per task.

Legend: T tasks, B images, L tokens, D width, E router outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from mtl_ase.base.numerics import at_least_float32


class NoisyRouter(nn.Module):
    """Logits of every task's own router, with learned noise while training.

    z = W_t x + eps * (softplus(V_t x) + min_std), eps ~ N(0, 1) in training, 0 in evaluation; no
    bias. Source: task-specific routers R_t of arXiv 2510.00570, Eq. 12; noise as in Mod-Squad's
    TaskMoE. Our deviations: no noise in evaluation; V starts at zero.

    Args:
        num_tasks: T, one router each.
        width: D, width of a token.
        num_logits: E, logits per token.
        min_std: least standard deviation of the noise.
    """

    def __init__(self, num_tasks: int, width: int, num_logits: int, min_std: float = 0.01) -> None:
        super().__init__()
        self.logits_TDE = nn.Parameter(torch.empty(num_tasks, width, num_logits))
        self.noise_TDE = nn.Parameter(torch.zeros(num_tasks, width, num_logits))
        self.min_std = min_std
        nn.init.trunc_normal_(self.logits_TDE, std=0.02)

    def forward(self, x_TBLD: Tensor) -> Tensor:
        """Router logits_TBLE, in float32 at least, whatever autocast says."""
        logits_TBLE = at_least_float32(torch.einsum("tbld,tde->tble", x_TBLD, self.logits_TDE))
        if not self.training:
            return logits_TBLE
        raw_TBLE = at_least_float32(torch.einsum("tbld,tde->tble", x_TBLD, self.noise_TDE))
        noise_TBLE = torch.randn_like(logits_TBLE) * (softplus(raw_TBLE) + self.min_std)
        return logits_TBLE + noise_TBLE
