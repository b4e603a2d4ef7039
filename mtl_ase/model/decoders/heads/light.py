"""A light decoder head for small networks.

Legend: B images, D width, C channels, H W pixels or grid cells.
"""

from __future__ import annotations

from torch import Tensor, nn

from mtl_ase.base.bounds import Count, Positive
from mtl_ase.model.decoders.heads.layers import ChannelNorm, conv_bn_relu


class LightHead(nn.Module):
    """LayerNorm, 1x1 convolution and pixel shuffle, 3x3 convolutions, a 1x1 classifier.

    Our own design: pixel shuffle keeps detail below the patch size, which bilinear upsampling of
    the token grid would lose.

    Args:
        width: D, features of a token.
        channels: C, output channels of the task.
        hidden: channels of the 3x3 convolutions.
        unfold: upsampling factor of the pixel shuffle: cells per token along each axis.
        depth: number of 3x3 convolutions.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        hidden: Positive = 48,
        unfold: Positive = 4,
        depth: Count = 2,
    ) -> None:
        super().__init__()
        self.unfold = nn.Sequential(
            ChannelNorm(width), nn.Conv2d(width, hidden * unfold**2, 1), nn.PixelShuffle(unfold)
        )
        self.convs = nn.Sequential(*(conv_bn_relu(hidden, hidden) for _ in range(depth)))
        self.classifier = nn.Conv2d(hidden, channels, 1)

    def forward(self, map_BDHW: Tensor) -> Tensor:
        """Logits_BCHW at `unfold` times the resolution of the token grid."""
        logits_BCHW: Tensor = self.classifier(self.convs(self.unfold(map_BDHW)))
        return logits_BCHW
