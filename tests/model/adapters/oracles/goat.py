"""GOAT as loops. T tasks, B images, L tokens, D width in, O width out."""

import math

import torch
from torch import Tensor

from tests.model.adapters.loops import by_token, weighed_experts


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """Two experts, s (g_1 B_1 A_1 x + g_2 B_2 A_2 x), less what was taken from the weight."""
    rank, width_in = len(adapter.down_RD) // 8, x_TBLD.shape[-1]
    scale = math.sqrt(3 * width_in / rank)
    taken_OD = scale / 8 * torch.einsum("or,rd->od", adapter.start_up_OR, adapter.start_down_RD)
    return by_token(
        lambda task, x_D: scale * weighed_experts(adapter, x_D, 2) - taken_OD @ x_D, x_TBLD
    )


def num_parameters(site) -> int:
    """N (r (D + O) + D) for 8 experts of rank 1."""
    return 8 * (site.width_in + site.width_out + site.width_in)
