"""Omni-SMoLA as loops over tasks, images, sets, experts, slots and tokens: Y = C f(D^T X)."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.model.adapters import Site, SMoLA


def update(adapter: SMoLA, x_TBLD: Tensor) -> Tensor:
    """The update (T, B, L, O), in evaluation mode; prefix tokens get 0."""
    prefix = adapter.site.num_prefix
    tasks = []
    for t, x_BLD in enumerate(x_TBLD):
        own = (adapter.private_router_TDS, adapter.private_down_TKD, adapter.private_up_TOJ)
        shared = (adapter.router_DS, adapter.down_RD, adapter.up_OP)
        images = []
        for x_LD in x_BLD:
            x_PD = x_LD[prefix:]
            y_PO = one_set(adapter, *(value[t] for value in own), x_PD)
            y_PO = y_PO + one_set(adapter, *shared, x_PD)
            images.append(torch.cat([y_PO.new_zeros(prefix, y_PO.shape[1]), y_PO]))
        tasks.append(torch.stack(images))
    return torch.stack(tasks)


def one_set(adapter: SMoLA, phi_DS: Tensor, down: Tensor, up: Tensor, x_PD: Tensor) -> Tensor:
    """Algorithm 1 of Soft MoE for a set of experts and the patch tokens of an image."""
    exp_PS = torch.stack(
        [torch.stack([(x_D @ phi_D).exp() for phi_D in phi_DS.mT]) for x_D in x_PD]
    )
    rank = adapter.rank
    outputs = []
    for s in range(phi_DS.shape[1]):
        slot_D = sum(exp_PS[p, s] / exp_PS[:, s].sum() * x_PD[p] for p in range(len(x_PD)))
        ranks = slice(s // adapter.num_slots * rank, (s // adapter.num_slots + 1) * rank)
        outputs.append(adapter.scale * (up[:, ranks] @ (down[ranks] @ slot_D)))
    return torch.stack(
        [
            sum(exp_PS[p, s] / exp_PS[p].sum() * y_O for s, y_O in enumerate(outputs))
            for p in range(len(x_PD))
        ]
    )


def num_parameters(site: Site) -> int:
    """Trained parameters with sets of 4 experts of rank 4 and 4 slots, one a task and a shared."""
    of_set = 4 * 4 * (site.width_in + site.width_out) + 4 * 4 * site.width_in
    return (site.num_tasks + 1) * of_set
