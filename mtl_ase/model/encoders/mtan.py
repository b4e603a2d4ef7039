"""MTAN on a ResNet-18. Legend: T tasks, B images, C channels, D width, H W cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck  # type: ignore[import-untyped]

from mtl_ase.base.bounds import Positive
from mtl_ase.model.encoders.resnet import WIDTH
from mtl_ase.model.encoders.resnet_encoder import ResNetEncoder
from mtl_ase.model.routing import Routing


class MTAN(ResNetEncoder):
    """A shared ResNet-18 from which every task picks features by masks at every stage.

    With u the map before a stage's last block, v the map after it and a_t the task's map of the
    stage before: m_t = mask_t(u, a_t), a_t <- refine(m_t * v). The masks are the tasks' own, the
    refinement is shared; after the last stage a_t is not refined.

    Source: MTAN, arXiv 1803.10704. It attends over whole VGG blocks and has no ResNet; the places
    of the masks, the bottleneck as refinement and max pooling after layer1 (the only later stride
    of a dilated ResNet) are those of the ResNet baselines of arXiv 2004.13379.

    Args:
        tasks: names of the tasks; their order is the order of the task axis.
        pretrained: load torchvision's published weights (downloaded on first use).
        weights: a local checkpoint instead.
        width: channels of the trunk's stem; 64 is ResNet-18.

    Raises:
        UserError: weights that can't be downloaded, read, or don't match.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        pretrained: bool = True,
        weights: str | None = None,
        width: Positive = WIDTH,
    ) -> None:
        super().__init__(tasks, pretrained, weights, width)
        self.tasks = list(tasks)
        widths = self.trunk.widths[1:]
        self.masks = nn.ModuleList(
            nn.ModuleDict({task: mask(width if stage == 0 else 2 * width, width) for task in tasks})
            for stage, width in enumerate(widths)
        )
        halve = nn.MaxPool2d(2, ceil_mode=True)  # rounds sizes up as layer2's stride does
        self.refinements = nn.ModuleList(
            nn.Sequential(refinement(*pair), halve if stage == 0 else nn.Identity())
            for stage, pair in enumerate(pairwise(widths))
        )

    def forward(self, image_BCHW: Tensor) -> tuple[list[Tensor], list[Routing]]:
        """One feature map_TBDHW; there are no routers."""
        trunk = self.trunk
        x_BDHW = trunk.stem(image_BCHW)
        attended: list[Tensor] = []
        for stage, layer in enumerate((trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4)):
            u_BDHW = layer[:-1](x_BDHW)
            x_BDHW = layer[-1](u_BDHW)
            masks = cast(nn.ModuleDict, self.masks[stage]).values()
            seen = [torch.cat((u_BDHW, a_BDHW), 1) for a_BDHW in attended]
            pairs = zip(masks, seen or [u_BDHW] * self.num_tasks, strict=True)
            attended = [mask_t(seen_BDHW) * x_BDHW for mask_t, seen_BDHW in pairs]
            if stage < len(self.refinements):
                attended = [self.refinements[stage](a_BDHW) for a_BDHW in attended]
        return [torch.stack(attended)], []

    def components(self) -> dict[str, list[nn.Parameter]]:
        """The trunk, and the masks with their refinements."""
        attention = [*self.masks.parameters(), *self.refinements.parameters()]
        return {"backbone": list(self.trunk.parameters()), "attention": attention}

    def parameters_by_layer(self) -> dict[str, list[nn.Parameter]]:
        """Those of the trunk, each with the masks and the refinement after it."""
        layers = self.trunk.parameters_by_layer()
        for attention in (self.masks, self.refinements):
            for name, part in zip(list(layers)[1:], attention, strict=False):
                layers[name] += part.parameters()
        return layers

    def of_tasks(self) -> Mapping[str, Sequence[nn.Parameter]]:
        """The masks of every task."""
        masks = cast(Iterable[nn.ModuleDict], self.masks)
        return {
            name: [parameter for stage in masks for parameter in stage[name].parameters()]
            for name in self.tasks
        }


def mask(width: int, out: int) -> nn.Sequential:
    """A mask in (0, 1) for every cell and channel: two 1x1 convolutions, out / 4 in between."""
    hidden = out // 4
    return nn.Sequential(
        nn.Conv2d(width, hidden, 1),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
        nn.Conv2d(hidden, out, 1),
        nn.BatchNorm2d(out),
        nn.Sigmoid(),
    )


def refinement(width: int, out: int) -> Bottleneck:
    """A residual bottleneck to the next stage's width."""
    shortcut = nn.Sequential(nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out))
    return Bottleneck(width, out // Bottleneck.expansion, downsample=shortcut)
