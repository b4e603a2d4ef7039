"""Updates that do not depend on the input, as low-rank products.

Legend: D width in, O width out, R rank.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor

from mtl_ase.model.adapters import Adapter, LoRA

NEGLIGIBLE = 1e-10
"""Singular values below this share of the largest are rounding errors of 64 bits."""


class ConstantUpdate(NamedTuple):
    """scale * B A."""

    scale: float
    down_RD: Tensor  #: A
    up_OR: Tensor  #: B

    @property
    def rank(self) -> int:
        """R."""
        return len(self.down_RD)


@torch.no_grad()
def constant_update(adapter: Adapter, task: int) -> ConstantUpdate | None:
    """The update of a task; None if it depends on the input.

    Plain LoRA keeps its own A and B. Of any other adapter the matrix is split by its singular
    values, in 64 bits and at its own rank, so that nothing is lost.

    Args:
        adapter: any adapter.
        task: its place on the task axis.
    """
    if type(adapter) is LoRA:  # what a subclass computes may be another
        return ConstantUpdate(adapter.scale, adapter.down_RD.detach(), adapter.up_OP.detach())
    delta_OD = copy.deepcopy(adapter).double().delta_weight(task)
    if delta_OD is None:
        return None
    left_OR, values_R, right_RD = torch.linalg.svd(delta_OD, full_matrices=False)
    rank = max(1, int((values_R > NEGLIGIBLE * values_R[0]).sum()))
    root_R = values_R[:rank].sqrt()
    down_RD, up_OR = root_R[:, None] * right_RD[:rank], left_OR[:, :rank] * root_R
    return ConstantUpdate(1.0, down_RD.float(), up_OR.float())
