"""NDDR-CNN. Legend: T tasks, B images, D width, H W cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Share, Weight
from mtl_ase.model.encoders.one_trunk_a_task import OneTrunkATask, mixture_TS
from mtl_ase.model.encoders.resnet import WIDTHS


class NDDRUnit(nn.Module):
    """Every task's map becomes relu(bn(conv 1x1)) of all tasks' maps, joined along channels.

    The tasks' convolutions, T D channels to D each, are computed as one to T D channels.

    Args:
        num_tasks: T.
        width: D, channels of the maps.
        own: a task's share of its own map at the start.
    """

    def __init__(self, num_tasks: int, width: int, own: float) -> None:
        super().__init__()
        joined = num_tasks * width
        self.conv = nn.Conv2d(joined, joined, 1, bias=False)
        weight_OI = torch.kron(mixture_TS(num_tasks, own), torch.eye(width))
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
    learning rate are those of the ResNet baselines of arXiv 2004.13379. For other numbers of tasks
    we divide the rest equally.

    At the start, equal trunks pass the units unchanged in evaluation, where batch norm divides by
    sqrt(1 + eps) and stage outputs are not negative. In training it takes the batch's own mean and
    variance at once, so the first step does not start from the single-task networks' outputs.

    The units' convolutions are matrices that act on features, and decay as such: NDDR derives the
    weight decay from its formulation of dimensionality reduction.

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
        units = [NDDRUnit(len(tasks), width, own) for width in WIDTHS]
        super().__init__(tasks, units, "nddr", pretrained, weights, stl, unit_lr_factor)
