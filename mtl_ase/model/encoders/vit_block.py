"""A transformer block with adapters beside its linear layers and its FFN.

Legend: T tasks, B images, L tokens, D width in, O width out, F width of the FFN, M = T * B, A heads
of attention, K width of a head.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import cast

import torch
from timm.layers.attention import Attention
from timm.layers.mlp import Mlp
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import linear, scaled_dot_product_attention

from mtl_ase.base.numerics import to_autocast_dtype
from mtl_ase.model.adapters import Adapter
from mtl_ase.model.encoders.task_passes import Weights, below, run_by_task
from mtl_ase.model.routing import Routing, as_list


class ViTBlock(nn.Module):
    """A block of timm's plain ViT, computed step by step so that adapters see the task axis.

    h = x + Attn(LN1 x);  y = h + FFN(LN2 h) + adapter(LN2 h). Every linear layer W of it becomes
    W x + adapter(x) where it has an adapter. Our reading of arXiv 2510.00570 (Eq. 3 and 10): what
    stands beside the FFN adds to the residual stream without layer scale and drop path.

    Args:
        block: the block; its attention is PyTorch's fused function or not, as timm's settings say.

    Attributes:
        adapters: by name of their sites.
    """

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block
        self.adapters = nn.ModuleDict()

    def linears(self) -> dict[str, nn.Linear]:
        """The linear layers by name of their sites."""
        attn, mlp = cast(Attention, self.block.attn), cast(Mlp, self.block.mlp)
        found = {"qkv": attn.qkv, "proj": attn.proj, "fc1": mlp.fc1, "fc2": mlp.fc2}
        return cast(dict[str, nn.Linear], found)

    def forward(
        self, x_TBLD: Tensor, by_task: Weights = MappingProxyType({})
    ) -> tuple[Tensor, list[Routing]]:
        """The block's output tokens, and what its routers decided.

        Args:
            x_TBLD: tokens.
            by_task: weights of each task (T, ...) in place of shared ones. If they are those of
                adapters alone, so is what runs task by task.
        """
        if below(by_task, "block."):
            return run_by_task(self, by_task, self.private(), x_TBLD)
        block = self.block
        adapted = _Adapted(self.adapters, by_task, num_tasks=x_TBLD.shape[0])
        x_MLD = x_TBLD.flatten(0, 1)
        u_MLD = to_autocast_dtype(block.norm1(x_MLD))
        attention_MLD = _attention(cast(Attention, block.attn), u_MLD, adapted)
        h_MLD = x_MLD + block.drop_path1(block.ls1(attention_MLD))
        u_MLD = to_autocast_dtype(block.norm2(h_MLD))
        ffn_MLD = _ffn(cast(Mlp, block.mlp), u_MLD, adapted)
        y_MLD = h_MLD + block.drop_path2(block.ls2(ffn_MLD))
        if "ffn" in self.adapters:
            y_MLD = y_MLD + adapted.update("ffn", u_MLD)
        return y_MLD.unflatten(0, (adapted.num_tasks, -1)), adapted.routings

    def beside_ffn(self, x_TBLD: Tensor, by_task: Weights) -> tuple[Tensor, list[Routing]]:
        """The update_TBLD of the adapter beside the FFN alone, and what its router decided.

        Args:
            x_TBLD: tokens, which the FFN's norm is applied to.
            by_task: the adapter's weights of each task (T, ...) in place of shared ones.
        """
        if "ffn" not in self.adapters:
            return torch.zeros_like(x_TBLD), []
        adapted = _Adapted(self.adapters, by_task, num_tasks=x_TBLD.shape[0])
        u_MLD = to_autocast_dtype(self.block.norm2(x_TBLD.flatten(0, 1)))
        update_MLD = adapted.update("ffn", u_MLD)
        return update_MLD.unflatten(0, (adapted.num_tasks, -1)), adapted.routings

    def private(self) -> dict[str, nn.Parameter]:
        """What the adapters keep for each task, by name."""
        adapters = cast(Mapping[str, Adapter], self.adapters)
        return {
            f"adapters.{site}.{name}": value
            for site, adapter in adapters.items()
            for name, value in _private(adapter).items()
        }


class _Adapted:
    """The adapters of a block during one forward pass, and the decisions of their routers."""

    def __init__(self, adapters: nn.ModuleDict, by_task: Weights, num_tasks: int) -> None:
        self.adapters, self.by_task, self.num_tasks = adapters, by_task, num_tasks
        self.routings: list[Routing] = []

    def update(self, site: str, u_MLD: Tensor) -> Tensor:
        """The update_MLO of the adapter at a site."""
        adapter = cast(Adapter, self.adapters[site])
        u_TBLD = u_MLD.unflatten(0, (self.num_tasks, -1))
        weights = below(self.by_task, f"adapters.{site}.")
        if weights and not adapter.takes_task_axis:
            update_TBLO, routings = run_by_task(adapter, weights, _private(adapter), u_TBLD)
        else:
            run = partial(functional_call, adapter, weights) if weights else adapter
            update_TBLO, decided = run(u_TBLD)
            routings = as_list(decided)
        self.routings += routings
        return update_TBLO.flatten(0, 1)

    def linear(self, site: str, layer: nn.Module, u_MLD: Tensor) -> Tensor:
        """A linear layer's output_MLO, with the update of its adapter, if it has one.

        Its bias is cast here: vmap adds it by itself, and in 32 bits all that follows would be.
        """
        weight_OD, bias_O = cast(Tensor, layer.weight), cast(Tensor | None, layer.bias)
        cast_bias_O = None if bias_O is None else to_autocast_dtype(bias_O)
        y_MLO = linear(u_MLD, weight_OD, cast_bias_O)
        return y_MLO + self.update(site, u_MLD) if site in self.adapters else y_MLO


def _private(adapter: Adapter) -> dict[str, nn.Parameter]:
    own = set(adapter.private())
    return {name: value for name, value in adapter.named_parameters() if value in own}


def _attention(attn: Attention, u_MLD: Tensor, adapted: _Adapted) -> Tensor:
    qkv_MLD = adapted.linear("qkv", attn.qkv, u_MLD)
    qkv_3MALK = qkv_MLD.unflatten(-1, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
    query_MALK, key_MALK, value_MALK = qkv_3MALK.unbind(0)
    query_MALK, key_MALK = attn.q_norm(query_MALK), attn.k_norm(key_MALK)
    product = _fused_product if attn.fused_attn else _plain_product
    heads_MALK = product(attn, query_MALK, key_MALK, value_MALK)
    joined_MLD = attn.norm(heads_MALK.transpose(1, 2).flatten(2))
    return cast(Tensor, attn.proj_drop(adapted.linear("proj", attn.proj, joined_MLD)))


def _fused_product(attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt K) V by PyTorch's function, (M, A, L, K)."""
    dropout = attn.attn_drop.p if attn.training else 0.0
    return scaled_dot_product_attention(query, key, value, dropout_p=dropout)


def _plain_product(attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same by matrix products, which is faster on CPUs (`prepare_device`)."""
    weights_MALL = (query * attn.scale) @ key.transpose(-2, -1)
    return cast(Tensor, attn.attn_drop(weights_MALL.softmax(dim=-1)) @ value)


def _ffn(mlp: Mlp, u_MLD: Tensor, adapted: _Adapted) -> Tensor:
    hidden_MLF = mlp.act(adapted.linear("fc1", mlp.fc1, u_MLD))
    hidden_MLF = mlp.norm(mlp.drop1(hidden_MLF))
    return cast(Tensor, mlp.drop2(adapted.linear("fc2", mlp.fc2, hidden_MLF)))
