"""A light decoder head for small networks.

Legend: B images, D width, C channels, H W pixels or grid cells.
"""

from __future__ import annotations

from torch import Tensor, nn

from mtl_ase.base.bounds import Count, Positive
from mtl_ase.model.heads.layers import ChannelNorm, conv_bn_relu


class LightHead(nn.Module):
    """LayerNorm, a projection that unfolds tokens into cells, 3x3 convolutions, a classifier.

    Our own: pixel shuffle keeps detail below the patch size that bilinear steps would lose.

    Args:
        width: D, width of a token.
        channels: C, output channels of the task.
        hidden: channels of the convolutions.
        unfold: cells per token along each axis.
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
        """Logits_BCHW at `unfold` times the token grid."""
        logits_BCHW: Tensor = self.classifier(self.convs(self.unfold(map_BDHW)))
        return logits_BCHW
