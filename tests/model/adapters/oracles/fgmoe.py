"""FGMoE as loops: y = E_sh(x) + sum_i g_i E_i(x) + gamma(x) E_glob(x) for one task and token."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtl_ase.model.adapters import FGMoE, Site


def update(adapter: FGMoE, x_TBLD: Tensor) -> Tensor:
    """The update (T, B, L, O), in evaluation mode."""
    return torch.stack(
        [
            torch.stack(
                [torch.stack([one_token(adapter.mlp, t, x_D) for x_D in x_LD]) for x_LD in x]
            )
            for t, x in enumerate(x_TBLD)
        ]
    )


def one_token(mlp: nn.Module, t: int, x_D: Tensor) -> Tensor:
    """The update of a token of task t."""
    act = nn.functional.gelu
    num_experts = mlp.router_TED.shape[1]
    hidden = mlp.down_TFD.shape[1] - mlp.shared_hidden
    size = hidden // num_experts
    logits = [weight_D @ x_D for weight_D in mlp.router_TED[t]]
    best = sorted(range(num_experts), key=lambda i: -float(logits[i].detach()))[: mlp.top_k]
    total = sum(logits[i].exp() for i in best)
    y_O = torch.zeros_like(mlp.up_TOF[t, :, 0])
    for i in best:
        units = range(i * size, (i + 1) * size)
        expert_O = sum(mlp.up_TOF[t, :, f] * act(mlp.down_TFD[t, f] @ x_D) for f in units)
        y_O = y_O + logits[i].exp() / total * expert_O
    for f in range(hidden, hidden + mlp.shared_hidden):
        y_O = y_O + mlp.up_TOF[t, :, f] * act(mlp.down_TFD[t, f] @ x_D)
    if mlp.has_global:
        gamma = 1 / (1 + (-(mlp.gamma_TD[t] @ x_D) - mlp.gamma_bias_T[t]).exp())
        y_O = y_O + gamma * (mlp.global_up_OG @ act(mlp.global_down_GD @ x_D))
    return y_O


def num_parameters(site: Site) -> int:
    """Trained parameters with 32 hidden units in 8 experts, 16 shared and 32 global ones."""
    both = site.width_in + site.width_out
    of_task = (32 + 16) * both + 8 * site.width_in + site.width_in + 1
    return site.num_tasks * of_task + 32 * both
