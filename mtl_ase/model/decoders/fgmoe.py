"""FGMoE's decoder: MLPs of every task, split into experts, in front of the heads.

Legend: T tasks, B images, L tokens, C channels, D width, H W grid cells or pixels, E experts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from torch import Tensor, nn

from mtl_ase.base.bounds import Count, Positive
from mtl_ase.model.decoders.one_head_a_task import MakeHead, OneHeadATask
from mtl_ase.model.encoders import FeatureMap
from mtl_ase.model.fine_grained_mlp import FineGrainedMLP
from mtl_ase.model.routing import DECODER, Routing


class FGMoE(OneHeadATask):
    """Residual MLPs of fine-grained experts in front of one head a task, on the coarsest map.

    x_t <- x_t + MLP_t(LN(x_t)) in every block, token by token; `FineGrainedMLP` has the formula:
    experts along the hidden units of a task's MLP, a shared expert of the task, and a global expert
    for all tasks.

    Source: FGMoE, arXiv 2507.19077, of which only the abstract was read: three kinds of experts, in
    a decoder that alone is trained (`experiment=fgmoe_decoder`). Ours are the blocks with norm and
    residual, all sizes, the setting's heads, and second layers of zero: training starts with the
    heads on the encoder's own map.

    Args:
        feature_maps: shapes of the encoder's maps.
        channels: output channels by task name; their order is the order of the task axis.
        head: makes a head, given width and channels.
        num_blocks: blocks, one after the other.
        hidden: hidden units of all routed experts of a task and block together.
        num_experts: E, routed experts of a task.
        top_k: routed experts of a token.
        shared_hidden: hidden units of a task's shared expert; 0: there is none.
        global_hidden: hidden units of the expert for all tasks; 0: there is none.

    Raises:
        UserError: the hidden units can't be split evenly, or there are not `top_k` experts.
    """

    def __init__(
        self,
        feature_maps: Sequence[FeatureMap],
        channels: Mapping[str, int],
        head: MakeHead,
        num_blocks: Positive,
        hidden: Positive,
        num_experts: Positive,
        top_k: Positive,
        shared_hidden: Count,
        global_hidden: Count,
    ) -> None:
        super().__init__(feature_maps, channels, head)
        width = feature_maps[-1].width
        sizes = (hidden, num_experts, top_k, shared_hidden, global_hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for _ in range(num_blocks))
        self.mlps = nn.ModuleList(
            FineGrainedMLP(len(channels), width, width, *sizes) for _ in range(num_blocks)
        )
        for mlp in self._mlps():
            for up in mlp.ups():
                nn.init.zeros_(up)

    def forward(self, maps: Sequence[Tensor]) -> tuple[dict[str, Tensor], list[Routing]]:
        """Logits_BCHW by task, and what every block's routers decided."""
        x_TBLD = maps[-1].flatten(3).mT
        routings = []
        for layer, (norm, mlp) in enumerate(zip(self.norms, self.mlps, strict=True)):
            update_TBLD, logits_TBLE, gate_TBLE = mlp(norm(x_TBLD))
            x_TBLD = x_TBLD + update_TBLD
            routings.append(Routing(layer, DECODER, logits_TBLE, gate_TBLE.detach()))
        return super().forward([x_TBLD.mT.unflatten(-1, maps[-1].shape[-2:])])[0], routings

    def components(self) -> dict[str, list[nn.Parameter]]:
        """The experts, the routers, every head; the norms are "decoder"."""
        routers = [p for mlp in self._mlps() for p in mlp.routers()]
        experts = [p for p in self.mlps.parameters() if p not in {*routers}]
        norms = list(self.norms.parameters())
        return {"routers": routers, "experts": experts, "decoder": norms} | super().components()

    def routers_of(self, routed: Routing) -> Sequence[nn.Parameter]:
        """The routers of a block's MLP."""
        return cast(FineGrainedMLP, self.mlps[routed.layer]).routers()

    def private(self) -> Sequence[nn.Parameter]:
        """What the MLPs keep for each task."""
        return [p for mlp in self._mlps() for p in mlp.private()]

    def _mlps(self) -> Iterator[FineGrainedMLP]:
        return cast(Iterator[FineGrainedMLP], iter(self.mlps))
