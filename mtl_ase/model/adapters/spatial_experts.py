"""The paper's experts, each looking at the patches around a token in its rank space.

Legend: T tasks, B images, L tokens, D width in, E experts, R ranks of all experts, K taps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Count, Positive, Weight
from mtl_ase.model.adapters.patch_grid import filter_ranks
from mtl_ase.model.adapters.routed_experts import MakeGate, RoutedExperts
from mtl_ase.model.adapters.site import Site, Sites

KERNEL = 3
"""Rows and columns of a filter."""


class SpatialExperts(RoutedExperts):
    """Task-routed LoRA experts with a filter a rank: y = sum_e g_e(x, t) B_e (F_e * A_e x).

    F_e has a 3 x 3 filter on the image grid for every rank of expert e, for all tasks; a task sees
    the filtered ranks of the experts that its router selects. Prefix tokens stand on no grid and
    skip the filter. It starts as the identity, so the adapter starts as `RoutedExperts`.

    Ours (docs/study.md). LoRA updates every token by itself, and a frozen ViT has learned to mix
    tokens for another task; dense tasks want neighbours. 9 R weights are added at a site.

    The arguments are those of `RoutedExperts`.
    """

    mixes_tokens = True
    takes_task_axis = False

    def __init__(
        self,
        site: Site,
        gate: MakeGate,
        num_experts: Positive,
        top_k: int,
        num_shared: Count,
        rank: Positive,
        alpha_per_rank: Weight = 2.0,
        granularity: int = 1,
        logits_std: Weight = 0.05,
        noise_std: Weight = 0.1,
        router_lr_factor: Weight = 0.1,
        sites: Sites = ("ffn",),
    ) -> None:
        counts = (num_experts, top_k, num_shared, rank, alpha_per_rank, granularity)
        super().__init__(site, gate, *counts, logits_std, noise_std, router_lr_factor, sites)
        self.filter_RK = nn.Parameter(torch.zeros(len(self.down_RD), KERNEL**2))
        self.filter_RK.data[:, KERNEL**2 // 2] = 1

    def down(self, x_TBLD: Tensor) -> Tensor:
        """F * A x, (T, B, L, R)."""
        return filter_ranks(super().down(x_TBLD), self.filter_RK, self.site)

    def embeddings(self) -> list[nn.Parameter]:
        """The filters: a decay would pull them off the identity."""
        return [self.filter_RK]
