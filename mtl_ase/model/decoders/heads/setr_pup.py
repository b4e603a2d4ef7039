"""SETR-PUP, the decoder head of M3ViT and its successors.

Legend: B images, D width, C channels, H W pixels or grid cells.
"""

from __future__ import annotations

from torch import Tensor, nn

from mtl_ase.base.bounds import Positive
from mtl_ase.model.decoders.heads.layers import ChannelNorm, conv_bn_relu


class SETRPUP(nn.Module):
    """SETR's progressive upsampling head (arXiv 2012.15840): 3x3 convolutions, each upsampled 2x.

    LayerNorm, four times [conv 3x3, batch norm, ReLU] with bilinear 2x upsampling after the first
    three, a 1x1 convolution to the channels, 2x upsampling: 16 times the grid, as in M3ViT's code.

    Args:
        width: D, features of a token.
        channels: C, output channels of the task.
        hidden: channels of the convolutions.
    """

    def __init__(self, width: int, channels: int, hidden: Positive = 256) -> None:
        super().__init__()
        stages: list[nn.Module] = [ChannelNorm(width)]
        for stage in range(4):
            stages.append(conv_bn_relu(width if stage == 0 else hidden, hidden))
            if stage < 3:
                stages.append(nn.Upsample(scale_factor=2, mode="bilinear"))
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Conv2d(hidden, channels, 1)
        self.upsample = nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, map_BDHW: Tensor) -> Tensor:
        """Logits_BCHW at 16 times the resolution of the token grid."""
        logits_BCHW: Tensor = self.upsample(self.classifier(self.stages(map_BDHW)))
        return logits_BCHW
