"""DeepLab's head. Legend: B images, D width, C channels, H W cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Positive, Share
from mtl_ase.base.errors import UserError


class DeepLab(nn.Module):
    """DeepLabv3's head (arXiv 1706.05587): atrous spatial pyramid pooling and a 3x3 convolution.

    A 1x1 convolution, 3x3 convolutions of several dilations and the map's mean, each to `hidden`
    channels, are joined to `hidden` by a 1x1 convolution; then a 3x3 and a 1x1 convolution to the
    channels. Batch norm and ReLU after every convolution but the last, dropout after the join; as
    in the ResNet baselines of arXiv 2004.13379.

    In training, the mean needs two images a batch: of one image, it is one number a channel, which
    batch norm can't normalise.

    Args:
        width: D, channels of the map.
        channels: C, output channels of the task.
        hidden: channels of the convolutions.
        dilations: of the pyramid's 3x3 convolutions, in cells of the map.
        dropout: probability of dropping a value after the join.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        hidden: Positive = 256,
        dilations: Sequence[Positive] = (12, 24, 36),
        dropout: Share = 0.5,
    ) -> None:
        super().__init__()
        self.pyramid = nn.ModuleList(
            [conv(width, hidden, 1), *(conv(width, hidden, 3, dilation) for dilation in dilations)]
        )
        self.pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(width, hidden, 1))
        joined = (len(dilations) + 2) * hidden
        self.project = nn.Sequential(conv(joined, hidden, 1), nn.Dropout(dropout))
        self.refine = conv(hidden, hidden, 3)
        self.classifier = nn.Conv2d(hidden, channels, 1)

    def forward(self, map_BDHW: Tensor) -> Tensor:
        """Logits_BCHW at the map's resolution.

        Raises:
            UserError: a training batch of one image.
        """
        seen = [*(branch(map_BDHW) for branch in self.pyramid), self._mean(map_BDHW)]
        logits_BCHW: Tensor = self.classifier(self.refine(self.project(torch.cat(seen, 1))))
        return logits_BCHW

    def _mean(self, map_BDHW: Tensor) -> Tensor:
        try:
            mean_BD11 = self.pooling(map_BDHW)
        except ValueError as error:  # of batch norm, whose processes have one value together
            raise UserError(
                "the DeepLab head can't be trained on a batch of one image, which batch norm after "
                "its pooling can't normalise; choose data.batch_size=2 or more."
            ) from error
        return mean_BD11.expand(-1, -1, *map_BDHW.shape[-2:])


def conv(width: int, hidden: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    """A convolution that keeps the size, batch norm and ReLU."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(width, hidden, kernel, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
    )
