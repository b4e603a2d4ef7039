"""Convolutions on the grid of the patch tokens, in rank space; prefix tokens stand on no grid.

Legend: T tasks, B images, L tokens, R ranks, K taps of a square kernel (row by row), S = R * K,
N = T * B * R, H W grid.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, fold

from mtl_ase.model.adapters.site import Site


def sum_taps(z_TBLS: Tensor, kernel: int, site: Site) -> Tensor:
    """The convolution of which every token's products with all taps are given, (T, B, L, R).

    Each product is added at the neighbour for which it is meant; a prefix token meets the middle
    tap only.
    """
    prefix_TBLS, patches_TBLS = z_TBLS.tensor_split([site.num_prefix], 2)
    prefix_TBLR = prefix_TBLS[..., kernel**2 // 2 :: kernel**2]
    columns_BSL = patches_TBLS.flatten(0, 1).mT
    grid_BRHW = fold(columns_BSL, site.grid_hw, kernel, padding=kernel // 2)
    patches_TBLR = grid_BRHW.flatten(2).mT.unflatten(0, z_TBLS.shape[:2])
    return torch.cat([prefix_TBLR, patches_TBLR], 2)


def filter_patches(z_TBLR: Tensor, filter_TBRK: Tensor, site: Site) -> Tensor:
    """Every rank of an image's patch tokens by a filter of its own; prefix tokens as they are."""
    prefix_TBLR, patches_TBLR = z_TBLR.tensor_split([site.num_prefix], 2)
    kernel = math.isqrt(filter_TBRK.shape[-1])
    filter_N1HW = filter_TBRK.to(z_TBLR.dtype).reshape(-1, 1, kernel, kernel)
    grid_1NHW = patches_TBLR.mT.reshape(1, len(filter_N1HW), *site.grid_hw)
    grid_1NHW = conv2d(grid_1NHW, filter_N1HW, padding=kernel // 2, groups=len(filter_N1HW))
    return torch.cat([prefix_TBLR, grid_1NHW.reshape(patches_TBLR.mT.shape).mT], 2)
