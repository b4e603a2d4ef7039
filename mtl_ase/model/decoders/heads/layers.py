"""Layers that the heads share.

Legend: B images, D width, H W grid cells.
"""

from __future__ import annotations

from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of a feature map; eps 1e-6 as in ViT."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-6)

    def forward(self, map_BDHW: Tensor) -> Tensor:
        """Normalise every grid cell over its channels; the shape stays."""
        return super().forward(map_BDHW.movedim(1, -1)).movedim(-1, 1)


def conv_bn_relu(width: int, hidden: int) -> nn.Sequential:
    """A 3x3 convolution with bias, batch norm and ReLU; trainer=ddp makes it a SyncBatchNorm."""
    return nn.Sequential(nn.Conv2d(width, hidden, 3, padding=1), nn.BatchNorm2d(hidden), nn.ReLU())
