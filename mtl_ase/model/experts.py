"""Experts: all low-rank experts of a layer as one gated low-rank product.

Legend: T tasks, B images, L tokens, D width, E experts, R rank of one expert, P = E * R.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


class LowRankExperts(nn.Module):
    """Sum of gated LoRA experts: y = scale * sum_e g_e B_e A_e x (arXiv 2510.00570, Eq. 3-4).

    With the A_e stacked to down_PD and the B_e to up_DP this is one low-rank product whose hidden
    units are multiplied by the gates: y = scale * up (g (.) down x). All experts are computed for
    every token; there is no loop over experts. Initial values: A Kaiming-uniform, B zero, so the
    output is 0 at step 0.

    Args:
        width: D, input and output features.
        num_experts: E, number of experts.
        rank: R, rank of one expert.
        alpha: LoRA's alpha; scale = alpha / rank.
    """

    def __init__(self, width: int, num_experts: int, rank: int, alpha: float) -> None:
        super().__init__()
        self.rank, self.scale = rank, alpha / rank
        self.down_PD = nn.Parameter(torch.empty(num_experts * rank, width))
        self.up_DP = nn.Parameter(torch.zeros(width, num_experts * rank))
        nn.init.kaiming_uniform_(self.down_PD, a=math.sqrt(5))

    def forward(self, x_TBLD: Tensor, gate_TBLE: Tensor) -> Tensor:
        """Gate-weighted sum of all experts' outputs, (T, B, L, D)."""
        hidden_TBLP = linear(x_TBLD, self.down_PD)
        mask_TBLP = (self.scale * gate_TBLE).to(hidden_TBLP.dtype).repeat_interleave(self.rank, -1)
        return linear(hidden_TBLP * mask_TBLP, self.up_DP)
