"""LoRA on the linear layers of a transformer block.

Legend: R rank, D width in, O width out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from mtl_ase.base.bounds import Weight
from mtl_ase.base.errors import UserError


class LoRALinear(nn.Module):
    """A frozen linear layer plus a trained low-rank update: y = W x + b + (alpha / r) B A x.

    Source: LoRA, arXiv 2106.09685. Initial values: A Kaiming-uniform, B zero, so y = W x + b at
    step 0.

    Args:
        base: the layer to adapt; its parameters are frozen.
        rank: r, rank of the update.
        alpha: the update is scaled by alpha / r.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.scale = alpha / rank
        self.down_RD = nn.Parameter(torch.empty(rank, base.in_features))
        self.up_OR = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.down_RD, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """Map x, (..., D), to (..., O)."""
        return self.base(x) + linear(self.scale * linear(x, self.down_RD), self.up_OR)


def add_lora(block: nn.Module, rank: int, alpha: Weight, targets: Sequence[str]) -> None:
    """Replace the named linear layers of a block by `LoRALinear`, in place.

    Args:
        block: a transformer block.
        rank: r, rank of every update.
        alpha: every update is scaled by alpha / r.
        targets: dotted names of linear layers inside the block, e.g. "attn.qkv".

    Raises:
        UserError: the rank is below 1, or a target names no linear layer.
    """
    if rank < 1:
        raise UserError(
            f"model.lora.rank={rank} is not a rank; choose 1 or more, or model.lora=null."
        )
    linears = {name for name, module in block.named_modules() if isinstance(module, nn.Linear)}
    for target in targets:
        if target not in linears:
            raise UserError(
                f"model.lora.targets names {target!r}, but the backbone's blocks have the linear "
                f"layers {', '.join(sorted(linears))}; choose among these."
            )
        parent, _, name = target.rpartition(".")
        owner = block.get_submodule(parent)
        setattr(owner, name, LoRALinear(getattr(owner, name), rank, alpha))
