"""Low-rank starts from the singular vectors of a weight. Legend: O, D widths, K values."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32


def singular_segments(weight_OD: Tensor, count: int, rank: int) -> tuple[Tensor, Tensor]:
    """A_RD and B_OR whose product is the sum of the first singular triplets of every segment.

    Args:
        weight_OD: the weight.
        count: equal segments into which its singular values are cut, largest first.
        rank: triplets of each segment; A and B get the root of their singular values each.

    Raises:
        UserError: a segment has fewer.
    """
    u_OK, s_K, v_KD = torch.linalg.svd(at_least_float32(weight_OD.detach()), full_matrices=False)
    length = len(s_K) // count
    if length < rank:
        raise UserError(
            f"model.adapter.rank={rank}: {count} segments of the {len(s_K)} singular values of a "
            f"weight have only {length} each; choose a lower rank or fewer experts."
        )
    first = torch.arange(count, device=s_K.device) * length
    chosen_R = (first[:, None] + torch.arange(rank, device=s_K.device)).flatten()
    root_R = s_K[chosen_R].sqrt()
    return root_R[:, None] * v_KD[chosen_R], u_OK[:, chosen_R] * root_R
