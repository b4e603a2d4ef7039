"""MMoLRE as loops: y = g_0 B_t (A_t * x) + sum_n g_n B_n (A_n * x), softmax over all experts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.model.adapters import MMoLRE, Site


def update(adapter: MMoLRE, x_TBLD: Tensor) -> Tensor:
    """The update (T, B, L, O), in evaluation mode."""
    return torch.stack(
        [
            torch.stack(
                [
                    torch.stack([one_token(adapter, t, x_LD, i) for i in range(len(x_LD))])
                    for x_LD in x
                ]
            )
            for t, x in enumerate(x_TBLD)
        ]
    )


def one_token(adapter: MMoLRE, t: int, x_LD: Tensor, i: int) -> Tensor:
    """The update of token i of task t."""
    num_experts = adapter.router_TED.shape[1]
    weights = [(row_D @ x_LD[i]).exp() for row_D in adapter.router_TED[t]]
    rank = adapter.private_up_TOJ.shape[2]
    rows = rank * adapter.kernel**2
    y_O = torch.zeros_like(adapter.up_OP[:, 0])
    for e in range(num_experts):
        own = e == 0
        down = adapter.private_down_TKD[t] if own else adapter.down_RD[(e - 1) * rows : e * rows]
        up = adapter.private_up_TOJ[t] if own else adapter.up_OP[:, (e - 1) * rank : e * rank]
        y_O = y_O + weights[e] / sum(weights) * (up @ convolved(adapter, down, x_LD, i))
    return adapter.scale * y_O


def convolved(adapter: MMoLRE, down: Tensor, x_LD: Tensor, i: int) -> Tensor:
    """The ranks of token i: every tap times the neighbour on which it lies, 0 outside the grid.

    `fold` adds up what tokens send, so the first tap lies on the neighbour below to the right.
    """
    taps_RKD = down.unflatten(0, (-1, adapter.kernel**2))
    middle, prefix = adapter.kernel // 2, adapter.site.num_prefix
    if i < prefix:
        return taps_RKD[:, adapter.kernel**2 // 2] @ x_LD[i]
    (height, width), total = adapter.site.grid_hw, torch.zeros_like(taps_RKD[:, 0, 0])
    row, column = divmod(i - prefix, width)
    for k in range(adapter.kernel**2):
        down_by, right_by = divmod(k, adapter.kernel)
        at_row, at_column = row + middle - down_by, column + middle - right_by
        if 0 <= at_row < height and 0 <= at_column < width:
            total = total + taps_RKD[:, k] @ x_LD[prefix + at_row * width + at_column]
    return total


def num_parameters(site: Site) -> int:
    """Trained parameters with 4 shared experts, rank 8 and no convolution."""
    of_expert = 8 * (site.width_in + site.width_out)
    return (4 + site.num_tasks) * of_expert + site.num_tasks * 5 * site.width_in
