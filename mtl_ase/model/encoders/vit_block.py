"""A transformer block with adapters beside its linear layers and its FFN.

Legend: T tasks, B images, L tokens, D width in, O width out, M = T * B, A = attention heads,
K = width of a head.
"""

from __future__ import annotations

from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from mtl_ase.model.adapters import Adapter
from mtl_ase.model.routing import Routing


class ViTBlock(nn.Module):
    """A block of timm's plain ViT, computed step by step so that adapters see their task.

    h = x + Attn(LN1 x);  y = h + FFN(LN2 h) + adapter(LN2 h). Every linear layer W of it becomes
    W x + adapter(x) where it has an adapter. Our reading of arXiv 2510.00570 (Eq. 3 and 10): what
    stands beside the FFN adds to the residual stream without layer scale and drop path.

    Args:
        block: the block; its attention is computed by PyTorch's fused function.

    Attributes:
        adapters: by name of their sites.
    """

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block
        self.adapters = nn.ModuleDict()

    def linears(self) -> dict[str, nn.Linear]:
        """The linear layers by name of their sites."""
        attn, mlp = self.block.attn, self.block.mlp
        return {"qkv": attn.qkv, "proj": attn.proj, "fc1": mlp.fc1, "fc2": mlp.fc2}

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, list[Routing]]:
        """The block's output tokens, and what its routers decided."""
        block, num_tasks = self.block, x_TBLD.shape[0]
        routings: list[Routing] = []

        def update(site: str, u_MLD: Tensor) -> Tensor:
            adapter: Adapter = self.adapters[site]  # type: ignore[assignment]
            update_TBLO, routing = adapter(u_MLD.unflatten(0, (num_tasks, -1)))
            if routing is not None:
                routings.append(routing)
            return update_TBLO.flatten(0, 1)

        def linear(site: str, layer: nn.Linear, u_MLD: Tensor) -> Tensor:
            y_MLO = layer(u_MLD)
            return y_MLO + update(site, u_MLD) if site in self.adapters else y_MLO

        def attention(u_MLD: Tensor) -> Tensor:
            attn = block.attn
            qkv_MLD = linear("qkv", attn.qkv, u_MLD)
            qkv_3MALK = qkv_MLD.unflatten(-1, (3, attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
            query_MALK, key_MALK, value_MALK = qkv_3MALK.unbind(0)
            heads_MALK = scaled_dot_product_attention(
                attn.q_norm(query_MALK),
                attn.k_norm(key_MALK),
                value_MALK,
                dropout_p=attn.attn_drop.p if self.training else 0.0,
            )
            joined_MLD = attn.norm(heads_MALK.transpose(1, 2).flatten(2))
            return attn.proj_drop(linear("proj", attn.proj, joined_MLD))

        def ffn(u_MLD: Tensor) -> Tensor:
            mlp = block.mlp
            hidden_MLF = mlp.norm(mlp.drop1(mlp.act(linear("fc1", mlp.fc1, u_MLD))))
            return mlp.drop2(linear("fc2", mlp.fc2, hidden_MLF))

        x_MLD = x_TBLD.flatten(0, 1)
        h_MLD = x_MLD + block.drop_path1(block.ls1(attention(block.norm1(x_MLD))))
        u_MLD = block.norm2(h_MLD)
        y_MLD = h_MLD + block.drop_path2(block.ls2(ffn(u_MLD)))
        if "ffn" in self.adapters:
            y_MLD = y_MLD + update("ffn", u_MLD)
        return y_MLD.unflatten(0, (num_tasks, -1)), routings
