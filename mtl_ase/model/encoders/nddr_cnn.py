"""NDDR-CNN. Legend: T tasks, B images, D width, H W cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl_ase.model.encoders.one_trunk_a_task import OneTrunkATask


class NDDRUnit(nn.Module):
    """Every task's map becomes relu(bn(conv 1x1)) of all tasks' maps, joined along channels.

    The tasks' convolutions, T D channels to D each, are computed as one to T D channels.

    Args:
        mixture_TS: what it starts as, each task's shares of all tasks' maps.
        width: D, channels of the maps.
    """

    def __init__(self, mixture_TS: Tensor, width: int) -> None:
        super().__init__()
        joined = len(mixture_TS) * width
        self.conv = nn.Conv2d(joined, joined, 1, bias=False)
        weight_OI = torch.kron(mixture_TS, torch.eye(width))
        self.conv.weight = nn.Parameter(weight_OI[:, :, None, None])
        self.norm = nn.BatchNorm2d(joined, momentum=0.05)

    def forward(self, x_TBDHW: Tensor) -> Tensor:
        """The tasks' new maps_TBDHW."""
        joined_BCHW = x_TBDHW.transpose(0, 1).flatten(1, 2)
        y_BCHW = self.norm(self.conv(joined_BCHW)).relu()
        return y_BCHW.unflatten(1, (len(x_TBDHW), -1)).transpose(0, 1)


class NDDRCNN(OneTrunkATask):
    """A ResNet-18 for every task, mixed by NDDR units after the stem and layer1 to layer4.

    Source: NDDR-CNN, arXiv 1801.08297. Places of the units, start (own share 0.8, 0.05 of each of
    four others; gamma 1, beta 0), batch norm's momentum 0.05 and the factor 100 on the units'
    learning rate are those of the ResNet baselines of arXiv 2004.13379.

    At the start, equal trunks pass the units unchanged in evaluation, where batch norm divides by
    sqrt(1 + eps) and stage outputs are not negative. In training it takes the batch's own mean and
    variance at once, so the first step does not start from the single-task networks' outputs.

    The units' convolutions are matrices that act on features, and decay as such: NDDR derives the
    weight decay from its formulation of dimensionality reduction.

    The arguments are those of `OneTrunkATask`.
    """

    component = "nddr"

    def make_units(self, mixture_TS: Tensor, widths: Sequence[int]) -> Sequence[nn.Module]:
        """A unit after the stem and after each of layer1 to layer4."""
        return [NDDRUnit(mixture_TS, width) for width in widths]
