"""LoRA with a filter on the image grid in its rank space, made for each image and task.

Legend: T tasks, B images, L tokens, D width in, R ranks, K taps of a filter, S = R * K.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.patch_grid import filter_patches
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.adapters.stages import ends_stage

KERNEL = 3
"""Rows and columns of a filter."""


class TADFormer(LowRankAdapter):
    """Task-adaptive dynamic filters in LoRA's rank space: y_t = scale * B (F_t * A x).

    F_t are 3 x 3 depth-wise filters, one for each rank, image and task: with z the mean of A x over
    the patch tokens, F_t = a N(G z + b_t) + c, where N gives the 9 taps of a filter mean 0 and
    standard deviation 1. Prefix tokens stand on no grid and skip the filter.

    Source: TADFormer, arXiv 2501.04293 (the dynamic task filter), for Swin; code of public copies.
    There the task comes from a task prompt among the tokens, which our encoder has not: instead the
    bias b_t of the filter's generator is the task's own. As there, only the last block of a stage
    has filters, the others are plain LoRA, and so is qkv (configs/model/adapter); a plain ViT's
    blocks are split into `num_stages` equal stages. We start with a = sqrt(2) / 3 and c = the
    identity, so that patch and prefix tokens start at the same scale; the code draws both from
    normal distributions.

    Args:
        rank: of the update.
        scale: factor on the update, as it is: not divided by the rank.
        num_stages: equal stages into which the blocks are split; as many as blocks: every block has
            filters.
    """

    def __init__(
        self,
        site: Site,
        rank: Positive,
        scale: Weight,
        num_stages: Positive = 4,
        dropout: Share = 0.0,
        sites: Sites = ("proj", "fc1", "fc2"),
    ) -> None:
        super().__init__(site, rank, scale, dropout=dropout)
        self.knows_tasks = self.mixes_tokens = ends_stage(site, num_stages)
        if self.knows_tasks:
            taps, bound = KERNEL**2, rank**-0.5
            self.generator_SR = nn.Parameter(torch.empty(rank * taps, rank))
            self.task_TS = nn.Parameter(torch.empty(site.num_tasks, rank * taps))
            for drawn in (self.generator_SR, self.task_TS):
                nn.init.uniform_(drawn, -bound, bound)
            self.std_RK = nn.Parameter(torch.full((rank, taps), math.sqrt(2) / KERNEL))
            self.mean_RK = nn.Parameter(torch.zeros(rank, taps))
            self.mean_RK.data[:, taps // 2] = 1

    def down(self, x_TBLD: Tensor) -> Tensor:
        """F_t * A x."""
        z_TBLR = super().down(x_TBLD)
        if not self.knows_tasks:
            return z_TBLR
        filter_TBRK = self.filters(z_TBLR[:, :, self.site.num_prefix :])
        return filter_patches(z_TBLR, filter_TBRK, self.site)

    def filters(self, patches_TBLR: Tensor) -> Tensor:
        """Filter_TBRK of every image, task and rank."""
        taps_TBS = linear(patches_TBLR.mean(2), self.generator_SR) + self.task_TS[:, None]
        taps_TBRK = at_least_float32(taps_TBS).unflatten(-1, (-1, KERNEL**2))
        taps_TBRK = taps_TBRK - taps_TBRK.mean(-1, keepdim=True)
        taps_TBRK = taps_TBRK / (taps_TBRK.std(-1, keepdim=True) + 1e-10)
        return taps_TBRK * self.std_RK + self.mean_RK

    def private(self) -> list[nn.Parameter]:
        """The bias of the filters' generator, where there are filters."""
        return [self.task_TS] if self.knows_tasks else []

    def embeddings(self) -> list[nn.Parameter]:
        """What shapes the filters but is no layer's weight; a decay would pull them off 1."""
        return [self.task_TS, self.std_RK, self.mean_RK] if self.knows_tasks else []
