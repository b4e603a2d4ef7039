"""MLoRE's decoder: low-rank convolutions that every task's router mixes, in front of the heads.

Legend: T tasks, B images, C channels, D width, H W grid cells or pixels, E experts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from torch import Tensor, nn

from mtl_ase.base.bounds import Positive
from mtl_ase.base.errors import UserError
from mtl_ase.model.decoders.heads.layers import ChannelNorm
from mtl_ase.model.decoders.mlore_block import Kernel, MLoREBlock, TaskPath
from mtl_ase.model.decoders.one_head_a_task import MakeHead, OneHeadATask
from mtl_ase.model.encoders import FeatureMap
from mtl_ase.model.routing import DECODER, Routing


class MLoRE(OneHeadATask):
    """Blocks of low-rank experts in front of one head a task, on the coarsest feature map.

    With u = P_t x, a block computes for every task
    Q_t gelu(BN_t(BN'_t(sum_i g_i(u) M_i W_i u) + a(u) M_t W_t u + K stopgrad(u))): E experts for
    all tasks, which the task's router mixes image by image, a low-rank path of the task alone, and
    a 3x3 convolution K for all tasks. P_t, Q_t, M_i and M_t are 1x1 convolutions; W_i has
    `ranks[i]` output channels. g is the softmax, `keep` largest weights kept, not renormalised.

    Source: MLoRE, arXiv 2403.17749, and its released code. Where they differ we follow the code:
    the task's own path has a weight a(u), K gets no gradient to its input, and a block ends by
    batch norm, GELU, linear layer in this order. Like the paper and unlike the code, experts have
    no biases. Our deviations: `SampleRouter` has one; blocks stand on the last map only instead of
    on four that are then fused; the heads are the setting's.

    Args:
        feature_maps: shapes of the encoder's maps.
        channels: output channels by task name; their order is the order of the task axis.
        head: makes a head, given width and channels.
        num_blocks: blocks, one after the other.
        width: D, channels inside of the decoder; None: the encoder's.
        ranks: output channels of the experts' W_i.
        keep: experts of an image and task, those of greatest weight.
        task_rank: output channels of W_t.
        kernel: side of the convolutions W_i and W_t.

    Raises:
        UserError: there are not so many experts to keep.
    """

    def __init__(
        self,
        feature_maps: Sequence[FeatureMap],
        channels: Mapping[str, int],
        head: MakeHead,
        num_blocks: Positive,
        width: Positive | None,
        ranks: Sequence[Positive],
        keep: Positive,
        task_rank: Positive,
        kernel: Kernel,
    ) -> None:
        if not 1 <= keep <= len(ranks):
            raise UserError(
                f"model.decoder.keep={keep} does not fit the {len(ranks)} experts of "
                "model.decoder.ranks; choose at least 1 and at most as many as there are."
            )
        width_in, stride = feature_maps[-1]
        width = width or width_in
        super().__init__([FeatureMap(width, stride)], channels, head)
        self.project = nn.Sequential(ChannelNorm(width_in), nn.Conv2d(width_in, width, 1))
        self.blocks = nn.ModuleList(
            MLoREBlock(channels, width, ranks, keep, task_rank, kernel) for _ in range(num_blocks)
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[dict[str, Tensor], list[Routing]]:
        """Logits_BCHW by task, and what every block's routers decided."""
        x_TBDHW = self.project(maps[-1].flatten(0, 1)).unflatten(0, maps[-1].shape[:2])
        routings = []
        for layer, block in enumerate(self.blocks):
            x_TBDHW, *decided = block(x_TBDHW)
            logits_TBLE, gate_TBLE = (value_TBE[:, :, None] for value_TBE in decided)
            routings.append(Routing(layer, DECODER, logits_TBLE, gate_TBLE.detach()))
        return super().forward([x_TBDHW])[0], routings

    def components(self) -> dict[str, list[nn.Parameter]]:
        """The experts for all tasks, the routers, every head; all the rest is "decoder"."""
        blocks = list(cast(Iterator[MLoREBlock], self.blocks))
        experts = [p for block in blocks for p in block.experts.parameters()]
        routers = [p for block in blocks for p in _routers(block)]
        heads = super().components()
        counted = {*experts, *routers, *self.heads.parameters()}
        rest = [p for p in self.parameters() if p not in counted]
        return {"routers": routers, "experts": experts, "decoder": rest} | heads

    def routers_of(self, routed: Routing) -> Sequence[nn.Parameter]:
        """The routers of all tasks in a block."""
        return _routers(cast(MLoREBlock, self.blocks[routed.layer]))

    def of_tasks(self) -> Mapping[str, Sequence[nn.Parameter]]:
        """Every task's path through the blocks, and its head."""
        blocks = list(cast(Iterator[MLoREBlock], self.blocks))
        return {
            name: [p for block in blocks for p in block.paths[name].parameters()] + [*of_head]
            for name, of_head in super().of_tasks().items()
        }


def _routers(block: MLoREBlock) -> list[nn.Parameter]:
    paths = cast(Iterator[TaskPath], iter(block.paths.values()))
    return [parameter for path in paths for parameter in path.router.parameters()]
