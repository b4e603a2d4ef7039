"""The plain ViT as an encoder.

Legend: T tasks, B images, C channels, H W pixels or grid cells, L tokens, D width.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mtl_ase.base.bounds import Count, Size
from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters import Adapter, Site
from mtl_ase.model.encoders.encoder import Encoder, FeatureMap
from mtl_ase.model.encoders.plain_vit import create_vit
from mtl_ase.model.encoders.pretrained import Resampling, load_bilinear_positions, load_weights
from mtl_ase.model.encoders.task_passes import below, embed_by_task
from mtl_ase.model.encoders.vit_block import ViTBlock
from mtl_ase.model.routing import DECODER, Routing


class ViTEncoder(Encoder):
    """A plain vision transformer without its final norm, with adapters (arXiv 2510.00570, Eq. 11).

    h_t = blocks(embed(image) + e_t): every task has a forward pass of its own. Without task
    embedding and adapters that know tasks, all share one, as in a conventional multi-task ViT.
    With `branch_block` b all tasks share one pass up to block b: only adapters that do not know the
    task, such as plain LoRA, stand before it, and e_t is added in front of it (ours; the paper's b
    is 0). The frozen trunk then runs b / depth + T (1 - b / depth) times instead of T times.

    Images come as bytes or floats in 0..255 and are normalised here, by the mean and standard
    deviation the weights were trained with. Position embeddings are resampled to `image_size`:
    "bicubic" as timm does, antialiased, or "bilinear" as SETR (arXiv 2012.15840) and M3ViT do, by
    torch's interpolate without antialiasing.

    Args:
        tasks: names of the tasks; their order is the order of the task axis.
        name: a plain ViT that timm knows, e.g. "vit_base_patch16_224".
        image_size: (H, W) of the input, multiples of the patch size.
        pretrained: load timm's published weights (downloaded on first use).
        weights: a local checkpoint instead; a bare name means one that ships with the package.
        frozen: freeze the weights (only adapters are trained), or train all of them.
        options: arguments for timm's constructor, e.g. depth or embed_dim.
        position_resampling: "bicubic" or "bilinear".
        task_embedding: add a learned e_t to all tokens before block `branch_block`.
        branch_block: b, how many blocks are run once for all tasks.
        activation_checkpointing: recompute the blocks' activations in the backward pass.

    Raises:
        UserError: not a plain ViT, weights that can't be loaded or don't match, or an image size
            that is no multiple of the patch size; or fewer blocks than `branch_block`.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        name: str,
        image_size: Size,
        pretrained: bool = True,
        weights: str | None = None,
        frozen: bool = True,
        options: Mapping[str, Any] | None = None,
        position_resampling: Resampling = "bicubic",
        task_embedding: bool = True,
        branch_block: Count = 0,
        activation_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        download = pretrained and weights is None
        vit = create_vit(name, tuple(image_size), download, dict(options or {}))
        if download and position_resampling == "bilinear":
            load_bilinear_positions(vit)
        if weights is not None:
            load_weights(vit, weights, position_resampling)
        self.source = weights if weights is not None else f"timm {name}" if download else None
        self.vit = vit.requires_grad_(not frozen)
        self.blocks = nn.ModuleList(map(ViTBlock, cast(Iterator[Block], vit.blocks)))
        self.vit.blocks = nn.Sequential()
        if branch_block > len(self.blocks):
            raise UserError(
                f"model.encoder.branch_block={branch_block} is beyond the {len(self.blocks)} "
                "blocks; choose 0 to run all of them once for every task."
            )
        self.branch_block = branch_block
        self.num_tasks, self.width = len(tasks), vit.embed_dim
        self.grid_hw: tuple[int, int] = vit.patch_embed.grid_size
        self.feature_maps = [FeatureMap(self.width, vit.patch_embed.feat_ratio())]
        self.task_embedding_TD = (
            nn.Parameter(torch.zeros(self.num_tasks, self.width)) if task_embedding else None
        )
        self.activation_checkpointing = activation_checkpointing
        self.mean_C11: Tensor
        self.std_C11: Tensor
        for key in ("mean", "std"):
            value_C = 255 * torch.tensor(vit.pretrained_cfg[key])  # type: ignore[index]
            self.register_buffer(f"{key}_C11", value_C[:, None, None], persistent=False)

    def forward(self, image_BCHW: Tensor) -> tuple[list[Tensor], list[Routing]]:
        """One feature map_TBDHW of the patch tokens after the last block, and the routings."""
        return self.forward_by_task(image_BCHW, {})

    def forward_by_task(
        self, image_BCHW: Tensor, by_task: Mapping[str, Tensor]
    ) -> tuple[list[Tensor], list[Routing]]:
        """The same, with weights of each task (T, ...) in place of shared ones."""
        layers = range(len(self.blocks))
        x_TBLD = self.embed(image_BCHW, below(by_task, "vit."))
        x_TBLD, routings = self._through(layers[: self.branch_block], by_task, x_TBLD)
        x_TBLD = self._branch(x_TBLD)
        x_TBLD, of_tasks = self._through(layers[self.branch_block :], by_task, x_TBLD)
        return self._maps_of(x_TBLD.expand(self.num_tasks, -1, -1, -1)), routings + of_tasks

    def embed(self, image_BCHW: Tensor, by_task: Mapping[str, Tensor] | None = None) -> Tensor:
        """Tokens x_TBLD before task embedding and blocks: patches, prefix tokens, positions.

        T is 1 where all tasks share the pass of the first block.
        """
        x_BCHW = (image_BCHW.float() - self.mean_C11) / self.std_C11
        weight = self.vit.patch_embed.proj.weight
        x_BCHW = x_BCHW.to(weight.dtype)  # 16-bit with the trainer's "*-true" precisions
        if by_task:
            return embed_by_task(self.vit, by_task, x_BCHW).contiguous()
        x_BLD = self.vit(x_BCHW).contiguous()  # its blocks are in `self.blocks`
        shared = self.shares_pass or self.branch_block > 0
        return x_BLD.expand(1 if shared else self.num_tasks, *x_BLD.shape)

    def _maps_of(self, x_TBLD: Tensor) -> list[Tensor]:
        """The one map_TBDHW of the last block's tokens: of the patches alone."""
        patches_TBLD = x_TBLD[:, :, self.num_prefix :]
        return [patches_TBLD.mT.unflatten(-1, self.grid_hw)]

    def _branch(self, x_TBLD: Tensor) -> Tensor:
        """Tokens of every task, from those that all share so far; with e_t."""
        if self.task_embedding_TD is not None:
            return x_TBLD + self.task_embedding_TD[:, None, None]
        return x_TBLD if self.shares_pass else x_TBLD.expand(self.num_tasks, -1, -1, -1)

    def _through(
        self, layers: Sequence[int], by_task: Mapping[str, Tensor], x_TBLD: Tensor
    ) -> tuple[Tensor, list[Routing]]:
        """The tokens after some of the blocks, and what the routers there decided."""
        routings: list[Routing] = []
        for layer in layers:
            block = cast(ViTBlock, self.blocks[layer])
            x_TBLD, of_block = self._run(block, below(by_task, f"blocks.{layer}."), x_TBLD)
            routings += of_block
        return x_TBLD, routings

    def _run(
        self, block: ViTBlock, by_task: Mapping[str, Tensor], x_TBLD: Tensor
    ) -> tuple[Tensor, list[Routing]]:
        if self.activation_checkpointing and torch.is_grad_enabled():
            result: tuple[Tensor, list[Routing]] = checkpoint(
                block, x_TBLD, by_task, use_reentrant=False
            )
            return result
        return block(x_TBLD, by_task)

    @property
    def num_prefix(self) -> int:
        """Class and register tokens, which come before the patch tokens."""
        return self.vit.num_prefix_tokens

    @property
    def shares_pass(self) -> bool:
        """Whether all tasks share one forward pass."""
        known = any(adapter.knows_tasks for adapter in self.adapters())
        return self.task_embedding_TD is None and not known

    def used_in_passes(self) -> dict[str, nn.Parameter]:
        """All trainable parameters from block `branch_block` on, but the private ones.

        With branch_block=0 the embedding's too; none if all tasks share one pass.
        """
        if self.shares_pass:
            return {}
        before = self.blocks[: self.branch_block].parameters()
        others = {*self.private(), *before, *(self.vit.parameters() if self.branch_block else ())}
        return {
            name: parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad and parameter not in others
        }

    def compiled_parts(self) -> Sequence[nn.Module]:
        """The blocks."""
        return list(self.blocks)

    def sites(self) -> Sequence[Site]:
        """The linear layers and the FFN of every block."""
        sites = []
        for layer, block in enumerate(cast(Iterator[ViTBlock], self.blocks)):
            for name, linear in block.linears().items():
                shape = (linear.in_features, linear.out_features)
                sites.append(self._site(name, layer, *shape, weight_OD=linear.weight))
            sites.append(self._site("ffn", layer, self.width, self.width))
        return sites

    def _site(
        self, name: str, layer: int, width_in: int, width_out: int, weight_OD: Tensor | None = None
    ) -> Site:
        shared = layer < self.branch_block
        return Site(
            name=name,
            layer=layer,
            num_layers=len(self.blocks),
            width_in=width_in,
            width_out=width_out,
            num_tasks=1 if shared else self.num_tasks,
            grid_hw=self.grid_hw,
            num_prefix=self.num_prefix,
            weight_OD=weight_OD,
            shared=shared,
        )

    def attach(self, adapter: Adapter) -> None:
        """Add an adapter at its site."""
        block = cast(ViTBlock, self.blocks[adapter.site.layer])
        block.adapters[adapter.site.name] = adapter

    def adapters(self) -> list[Adapter]:
        """The attached adapters, in the order of the forward pass."""
        blocks = cast(Iterator[ViTBlock], self.blocks)
        return [cast(Adapter, adapter) for block in blocks for adapter in block.adapters.values()]

    def draw_task_embedding(self) -> None:
        """Draw e_t ~ N(0, 0.02^2)."""
        if self.task_embedding_TD is not None:
            self.task_embedding_TD.data = 0.02 * torch.randn(self.num_tasks, self.width)

    def after_step(self, routing: Sequence[Routing]) -> None:
        """Let every adapter see what its router decided in a training step."""
        for decided in routing:
            if decided.site != DECODER:
                self._adapter_of(decided).after_step(decided)

    def routers_of(self, routed: Routing) -> Sequence[nn.Parameter]:
        """The router of the adapter that made these decisions."""
        return self._adapter_of(routed).routers()

    def _adapter_of(self, routed: Routing) -> Adapter:
        block = cast(ViTBlock, self.blocks[routed.layer])
        return cast(Adapter, block.adapters[routed.site])

    def merge(self, task: int) -> None:
        """Merge every adapter into the weights, in place: what is left serves this task only.

        Raises:
            UserError: an adapter's update depends on the input, or its site is no linear layer;
                nothing has been merged then.
        """
        blocks = list(cast(Iterator[ViTBlock], self.blocks))
        places = [
            (cast(Adapter, adapter), block.linears().get(name))
            for block in blocks
            for name, adapter in block.adapters.items()
        ]
        for adapter, linear in places:
            adapter.mergeable(task, linear)
        for adapter, linear in places:
            adapter.merge(task, linear)
        for block in blocks:
            block.adapters.clear()

    def components(self) -> dict[str, list[nn.Parameter]]:
        """All parameters by component: backbone, lora, task_embedding, routers, experts."""
        counted: dict[str, list[nn.Parameter]] = defaultdict(list)
        counted["backbone"] = [*self.vit.parameters()]
        for block in cast(Iterator[ViTBlock], self.blocks):
            counted["backbone"] += block.block.parameters()
        if self.task_embedding_TD is not None:
            counted["task_embedding"].append(self.task_embedding_TD)
        for adapter in self.adapters():
            counted["routers"] += adapter.routers()
            routers = set(adapter.routers())
            counted[adapter.component] += [p for p in adapter.parameters() if p not in routers]
        return {name: parameters for name, parameters in counted.items() if parameters}

    def parameters_by_layer(self) -> dict[str, list[nn.Parameter]]:
        """What comes before the blocks, and the blocks with their adapters."""
        blocks = {f"block {index}": list(b.parameters()) for index, b in enumerate(self.blocks)}
        return {"embedding": list(self.vit.parameters()), **blocks}

    def embeddings(self) -> Sequence[nn.Parameter]:
        """Position embedding, class and register tokens, and the adapters' tables."""
        own = (self.vit.pos_embed, self.vit.cls_token, self.vit.reg_token)
        of_adapters = [table for adapter in self.adapters() for table in adapter.embeddings()]
        return [parameter for parameter in own if parameter is not None] + of_adapters

    def private(self) -> Sequence[nn.Parameter]:
        """The task embedding, and what the adapters keep for each task."""
        own = [] if self.task_embedding_TD is None else [self.task_embedding_TD]
        return own + [table for adapter in self.adapters() for table in adapter.private()]

    def learning_rates(self) -> Mapping[nn.Parameter, float]:
        """The adapters' factors on the learning rate."""
        return {p: rate for a in self.adapters() for p, rate in a.learning_rates().items()}

    def backbone_state(self) -> dict[str, Tensor]:
        """The backbone's weights by timm's names, without adapters and task embedding."""
        state: dict[str, Tensor] = dict(self.vit.named_parameters())
        for index, block in enumerate(cast(Iterator[ViTBlock], self.blocks)):
            for name, value in block.block.named_parameters():
                state[f"blocks.{index}.{name}"] = value
        return state

    def frozen_weights(self) -> dict[str, nn.Parameter]:
        """The blocks' frozen weights.

        Patch and position embeddings are not among them, frozen or not: they are small, and
        resampling position embeddings to another grid rounds differently on other machines.
        """
        return {
            f"blocks.{index}.block.{name}": value
            for index, block in enumerate(cast(Iterator[ViTBlock], self.blocks))
            for name, value in block.block.named_parameters()
            if not value.requires_grad
        }
