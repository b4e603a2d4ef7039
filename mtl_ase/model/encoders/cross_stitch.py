"""Cross-stitch networks. Legend: T tasks, S tasks mixed from, B images, D width, H W cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl_ase.model.encoders.one_trunk_a_task import OneTrunkATask


class CrossStitchUnit(nn.Module):
    """Every channel of a task's map becomes a mixture of that channel in all tasks' maps.

    Args:
        mixture_TS: what it starts as, each task's shares of all tasks' maps.
        width: D, channels of the maps.
    """

    def __init__(self, mixture_TS: Tensor, width: int) -> None:
        super().__init__()
        self.weight_TSD = nn.Parameter(mixture_TS[..., None].repeat(1, 1, width))

    def forward(self, x_TBDHW: Tensor) -> Tensor:
        """y_t = sum_s w_ts x_s, channel by channel."""
        return torch.einsum("tsd,sbdhw->tbdhw", self.weight_TSD, x_TBDHW)


class CrossStitch(OneTrunkATask):
    """A ResNet-18 for every task, mixed by cross-stitch units after layer1 to layer4.

    Source: Cross-stitch networks, arXiv 1604.03539; mixed channel by channel, as there. The places
    of the units, the share of 0.8 at the start (0.05 of each of four others) and the factor 100 on
    the units' learning rate are those of the ResNet baselines of arXiv 2004.13379.

    The tables are mixtures that start near a good value, and no matrices that act on features:
    without weight decay, which pulls them towards switching off all maps, and without Muon.

    The arguments are those of `OneTrunkATask`.
    """

    component = "stitch"

    def make_units(self, mixture_TS: Tensor, widths: Sequence[int]) -> Sequence[nn.Module]:
        """Nothing after the stem, a unit after each of layer1 to layer4."""
        stitches = (CrossStitchUnit(mixture_TS, width) for width in widths[1:])
        return [nn.Identity(), *stitches]

    def embeddings(self) -> Sequence[nn.Parameter]:
        """The units' tables."""
        return list(self.units.parameters())
