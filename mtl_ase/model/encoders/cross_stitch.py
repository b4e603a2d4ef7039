"""Cross-stitch networks. Legend: T tasks, S tasks mixed from, B images, D width, H W cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Share, Weight
from mtl_ase.model.encoders.one_trunk_a_task import OneTrunkATask, mixture_TS
from mtl_ase.model.encoders.resnet import WIDTHS


class CrossStitchUnit(nn.Module):
    """Every channel of a task's map becomes a mixture of that channel in all tasks' maps.

    Args:
        num_tasks: T.
        width: D, channels of the maps.
        own: a task's share of its own map at the start.
    """

    def __init__(self, num_tasks: int, width: int, own: float) -> None:
        super().__init__()
        self.weight_TSD = nn.Parameter(mixture_TS(num_tasks, own)[..., None].repeat(1, 1, width))

    def forward(self, x_TBDHW: Tensor) -> Tensor:
        """y_t = sum_s w_ts x_s, channel by channel."""
        return torch.einsum("tsd,sbdhw->tbdhw", self.weight_TSD, x_TBDHW)


class CrossStitch(OneTrunkATask):
    """A ResNet-18 for every task, mixed by cross-stitch units after layer1 to layer4.

    Source: Cross-stitch networks, arXiv 1604.03539; mixed channel by channel, as there. The places
    of the units, the share of 0.8 at the start (0.05 of each of four others) and the factor 100 on
    the units' learning rate are those of the ResNet baselines of arXiv 2004.13379. For other
    numbers of tasks we divide the rest equally, so that mixtures keep the scale of the maps.

    The tables are mixtures that start near a good value, and no matrices that act on features:
    without weight decay, which pulls them towards switching off all maps, and without Muon.

    Args:
        tasks: names of the tasks; their order is the order of the task axis.
        pretrained: load torchvision's published weights into every trunk.
        weights: a local checkpoint instead.
        stl: run folders of finished single-task runs instead, one for each task in any order.
        own: a task's share of its own map at the start.
        unit_lr_factor: factor on the learning rate of the units.

    Raises:
        UserError: see `OneTrunkATask`.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        pretrained: bool = True,
        weights: str | None = None,
        stl: Sequence[str] | None = None,
        own: Share = 0.8,
        unit_lr_factor: Weight = 100,
    ) -> None:
        stitches = (CrossStitchUnit(len(tasks), width, own) for width in WIDTHS[1:])
        units = [nn.Identity(), *stitches]
        super().__init__(tasks, units, "stitch", pretrained, weights, stl, unit_lr_factor)

    def embeddings(self) -> Sequence[nn.Parameter]:
        """The units' tables."""
        return list(self.units.parameters())
