"""Experts with a filter a rank as loops over tasks, images, experts, ranks and taps."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.model.adapters import Site, SpatialExperts


def update(adapter: SpatialExperts, x_TBLD: Tensor) -> Tensor:
    """The update (T, B, L, O), in evaluation mode."""
    gate_TBLE, _ = adapter.gates(x_TBLD)
    size = len(adapter.down_RD) // adapter.num_experts
    y_TBLO = x_TBLD.new_zeros(*x_TBLD.shape[:3], len(adapter.up_OP))
    for t, x_BLD in enumerate(x_TBLD):
        for b, x_LD in enumerate(x_BLD):
            for rank in range(len(adapter.down_RD)):
                z_L = filtered(adapter, x_LD @ adapter.down_RD[rank], rank)
                gated_L = gate_TBLE[t, b, :, rank // size] * z_L
                y_TBLO[t, b] += adapter.scale * gated_L[:, None] * adapter.up_OP[:, rank]
    return y_TBLO


def filtered(adapter: SpatialExperts, z_L: Tensor, rank: int) -> Tensor:
    """A rank of all tokens after its 3 x 3 filter; prefix tokens as they are."""
    prefix, (height, width) = adapter.site.num_prefix, adapter.site.grid_hw
    out = list(z_L[:prefix])
    for row in range(height):
        for column in range(width):
            total = z_L.new_zeros(())
            for tap, weight in enumerate(adapter.filter_RK[rank]):
                y, x = row + tap // 3 - 1, column + tap % 3 - 1
                if 0 <= y < height and 0 <= x < width:
                    total = total + weight * z_L[prefix + y * width + x]
            out.append(total)
    return torch.stack(out)


def num_parameters(site: Site) -> int:
    """Trained parameters with 16/3/1/4: experts, routers, filters."""
    return 64 * (site.width_in + site.width_out) + 2 * 16 * site.num_tasks * site.width_in + 9 * 64
