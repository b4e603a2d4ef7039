"""A transformer block with experts parallel to its FFN.

Legend: T tasks, B images, L tokens, D width, M = T * B.
"""

from __future__ import annotations

from typing import cast

from timm.models.vision_transformer import Block
from torch import Tensor, nn

from mtl_ase.model.adapter import ExpertAdapter, Routing


class AdaptedBlock(nn.Module):
    """A block of a plain ViT with experts parallel to the FFN.

    h = x + Attn(LN1 x);  y = h + FFN(LN2 h) + sum_e g_e E_e(LN2 h)  (arXiv 2510.00570, Eq. 3 and
    10). The experts have the same input as the FFN. Our reading of the paper: their sum is added to
    the residual stream without layer scale and drop path.

    Args:
        block: a block of timm's plain ViT, possibly with LoRA layers.
        adapter: the experts; None for a block without experts.
    """

    def __init__(self, block: Block, adapter: ExpertAdapter | None) -> None:
        super().__init__()
        self.block = block
        self.adapter = adapter

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing | None]:
        """The block's output tokens, and its routing statistics (None without experts)."""
        block = self.block
        x_MLD = x_TBLD.flatten(0, 1)
        h_MLD = x_MLD + block.drop_path1(block.ls1(block.attn(block.norm1(x_MLD))))
        u_MLD = block.norm2(h_MLD)
        y_MLD = h_MLD + block.drop_path2(block.ls2(block.mlp(u_MLD)))
        y_TBLD = y_MLD.view_as(x_TBLD)
        if self.adapter is None:
            return y_TBLD, None
        experts_TBLD, routing = self.adapter(u_MLD.view_as(x_TBLD))
        return cast(Tensor, y_TBLD + experts_TBLD), routing
