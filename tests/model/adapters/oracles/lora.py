"""Plain LoRA as loops. T tasks, B images, L tokens, D width in, O width out."""

import torch
from torch import Tensor


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """(alpha / r) sum_i b_i (a_i . x), rank by rank."""
    rank = adapter.down_RD.shape[0]
    rows = []
    for x_D in x_TBLD.flatten(0, 2):
        y_O = x_D.new_zeros(adapter.up_OP.shape[0])
        for i in range(rank):
            y_O = y_O + 8.0 / rank * adapter.up_OP[:, i] * torch.dot(adapter.down_RD[i], x_D)
        rows.append(y_O)
    return torch.stack(rows).unflatten(0, x_TBLD.shape[:3])


def num_parameters(site) -> int:
    """A has r D, B has O r; r = 4."""
    return 4 * (site.width_in + site.width_out)
