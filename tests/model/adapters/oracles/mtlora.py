"""MTLoRA as loops: y = s (B A x + B_t A_t x), the second term at the end of a stage only."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.model.adapters import MTLoRA, Site


def update(adapter: MTLoRA, x_TBLD: Tensor) -> Tensor:
    """The update (T, B, L, O), in evaluation mode."""
    return torch.stack(
        [
            torch.stack([torch.stack([one_token(adapter, t, x_D) for x_D in x_LD]) for x_LD in x])
            for t, x in enumerate(x_TBLD)
        ]
    )


def one_token(adapter: MTLoRA, t: int, x_D: Tensor) -> Tensor:
    """The update of a token of task t."""
    y_O = adapter.up_OP @ (adapter.down_RD @ x_D)
    if adapter.knows_tasks:
        y_O = y_O + adapter.private_up_TOJ[t] @ (adapter.private_down_TKD[t] @ x_D)
    return adapter.scale * y_O


def num_parameters(site: Site) -> int:
    """Trained parameters with the ranks 64 and 4, and 4 stages."""
    ends_stage = (site.layer + 1) * 4 // site.num_layers > site.layer * 4 // site.num_layers
    rank = 64 + (4 * site.num_tasks if ends_stage else 0)
    return rank * (site.width_in + site.width_out)
