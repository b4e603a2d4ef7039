"""TADFormer's dynamic task filter as loops over tasks, images, ranks and taps."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.model.adapters import Site, TADFormer


def update(adapter: TADFormer, x_TBLD: Tensor) -> Tensor:
    """The update (T, B, L, O), in evaluation mode."""
    tasks = []
    for t, x_BLD in enumerate(x_TBLD):
        images = []
        for x_LD in x_BLD:
            z_LR = torch.stack([adapter.down_RD @ x_D for x_D in x_LD])
            if adapter.knows_tasks:
                columns = [filtered(adapter, t, z_LR, r) for r in range(z_LR.shape[1])]
                z_LR = torch.stack(columns, 1)
            images.append(torch.stack([adapter.scale * (adapter.up_OP @ z_R) for z_R in z_LR]))
        tasks.append(torch.stack(images))
    return torch.stack(tasks)


def filtered(adapter: TADFormer, t: int, z_LR: Tensor, r: int) -> Tensor:
    """Rank r of all tokens after its 3 x 3 filter, which the patch tokens' mean and t decide."""
    prefix, (height, width) = adapter.site.num_prefix, adapter.site.grid_hw
    mean_R = sum(z_R for z_R in z_LR[prefix:]) / (len(z_LR) - prefix)
    raw = torch.stack(
        [adapter.generator_SR[9 * r + k] @ mean_R + adapter.task_TS[t, 9 * r + k] for k in range(9)]
    )
    centred = raw - raw.sum() / 9
    normed = centred / (centred.square().sum() / 8).sqrt()
    taps = adapter.std_RK[r] * normed + adapter.mean_RK[r]
    out = list(z_LR[:prefix, r])
    for row in range(height):
        for column in range(width):
            total = torch.zeros_like(taps[0])
            for k in range(9):
                y, x = row + k // 3 - 1, column + k % 3 - 1
                if 0 <= y < height and 0 <= x < width:
                    total = total + taps[k] * z_LR[prefix + y * width + x, r]
            out.append(total)
    return torch.stack(out)


def num_parameters(site: Site) -> int:
    """Trained parameters with rank 64 and 4 stages: LoRA, and filters at the end of a stage."""
    lora = 64 * (site.width_in + site.width_out)
    if (site.layer + 1) * 4 // site.num_layers == site.layer * 4 // site.num_layers:
        return lora
    return lora + 9 * 64 * 64 + 9 * 64 * site.num_tasks + 2 * 9 * 64
