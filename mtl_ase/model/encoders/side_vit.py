"""A frozen ViT with adapters on a path beside it.

Legend: T tasks, B images, C channels, H W pixels or grid cells, L tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Size
from mtl_ase.model.adapters import Site
from mtl_ase.model.encoders.pretrained import Resampling
from mtl_ase.model.encoders.task_passes import below
from mtl_ase.model.encoders.vit import ViTEncoder
from mtl_ase.model.encoders.vit_block import ViTBlock
from mtl_ase.model.routing import Routing


class SideViTEncoder(ViTEncoder):
    """A frozen ViT that runs once for all tasks, and backward never; adapters stand beside it.

    The trunk: h_l = block_l(h_{l-1}), h_0 = embed(image). Beside it every task has a path of its
    own, s_l = s_{l-1} + adapter_l(LN2_l(h_l + s_{l-1})) with s_0 = e_t; the map is h_L + s_L. So a
    step needs neither T passes through the trunk nor a gradient of its input, and keeps none of
    its activations. Tokens of a path see each other through the trunk alone.

    Our variant: a path beside the trunk is Ladder Side-Tuning's (arXiv 2206.06522), whose side
    network has blocks with attention and gates of its own; here it has our adapters.

    Args:
        tasks: names of the tasks; their order is the order of the task axis.
        name: a plain ViT that timm knows, e.g. "vit_base_patch16_224".
        image_size: (H, W) of the input, multiples of the patch size.
        pretrained: load timm's published weights (downloaded on first use).
        weights: a local checkpoint instead; a bare name means one that ships with the package.
        options: arguments for timm's constructor, e.g. depth or embed_dim.
        position_resampling: "bicubic" or "bilinear", see `ViTEncoder`.
        task_embedding: s_0 is a learned e_t; without, it is 0.

    Raises:
        UserError: as `ViTEncoder` does.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        name: str,
        image_size: Size,
        pretrained: bool = True,
        weights: str | None = None,
        options: Mapping[str, Any] | None = None,
        position_resampling: Resampling = "bicubic",
        task_embedding: bool = True,
    ) -> None:
        super().__init__(
            tasks,
            name,
            image_size,
            pretrained,
            weights,
            options=options,
            position_resampling=position_resampling,
            task_embedding=task_embedding,
        )

    def forward_by_task(
        self, image_BCHW: Tensor, by_task: Mapping[str, Tensor]
    ) -> tuple[list[Tensor], list[Routing]]:
        """The map_TBDHW and the routings, with weights of each task in place of shared ones."""
        routings: list[Routing] = []
        x_BLD = self._embedded(image_BCHW)
        side_TBLD = self._start(x_BLD)
        for layer, module in enumerate(self.blocks):
            block = cast(ViTBlock, module)
            with torch.no_grad():
                x_BLD = block.block(x_BLD)
            weights = below(by_task, f"blocks.{layer}.")
            update_TBLD, decided = block.beside_ffn(x_BLD + side_TBLD, weights)
            side_TBLD = side_TBLD + update_TBLD
            routings += decided
        return self._maps_of(x_BLD + side_TBLD), routings

    def _embedded(self, image_BCHW: Tensor) -> Tensor:
        """Tokens_BLD before the first block."""
        with torch.no_grad():
            return self.embed(image_BCHW)[0]

    def _start(self, x_BLD: Tensor) -> Tensor:
        """s_0 (T, B, L, D)."""
        shape = (self.num_tasks, *x_BLD.shape)
        if self.task_embedding_TD is None:
            return x_BLD.new_zeros(shape)
        return self.task_embedding_TD[:, None, None].expand(shape)

    def compiled_parts(self) -> Sequence[nn.Module]:
        """The trunk's blocks, and the adapters."""
        return [*(cast(ViTBlock, block).block for block in self.blocks), *self.adapters()]

    def sites(self) -> Sequence[Site]:
        """Beside the FFN of every block."""
        return [site for site in super().sites() if site.name == "ffn"]
