"""A block of MLoRE's decoder.

Legend: T tasks, B images, M = T * B, D width, H W grid cells, E experts, R rows of all experts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.gates import top_k_mask
from mtl_ase.model.decoders.heads.layers import ChannelNorm

Kernel = Literal[1, 3]


class MLoREBlock(nn.Module):
    """What all tasks share of a block, and a `TaskPath` for each; `MLoRE` has the formula.

    Args:
        tasks: names of the tasks.
        width: D, channels in and out.
        ranks: rows of the experts' W_i.
        keep: experts of an image and task.
        task_rank: rows of W_t.
        kernel: side of W_i and W_t.
    """

    def __init__(
        self,
        tasks: Iterable[str],
        width: int,
        ranks: Sequence[int],
        keep: int,
        task_rank: int,
        kernel: Kernel,
    ) -> None:
        super().__init__()
        self.keep = keep
        self.experts = LowRankConvs(width, ranks, kernel)
        self.shared = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.paths = nn.ModuleDict(
            {task: TaskPath(width, len(ranks), task_rank, kernel) for task in tasks}
        )

    def forward(self, x_TBDHW: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The output (T, B, D, H, W), the routers' logits_TBE and the experts' gate_TBE."""
        paths = cast(list[TaskPath], list(self.paths.values()))
        u_TBDHW = torch.stack([path.enter(x) for path, x in zip(paths, x_TBDHW, strict=True)])
        routed = [path.router(u_BDHW) for path, u_BDHW in zip(paths, u_TBDHW, strict=True)]
        logits_TBE = torch.stack([logits_BE for logits_BE, _ in routed])
        prob_TBE = logits_TBE.softmax(-1)
        gate_TBE = prob_TBE * top_k_mask(prob_TBE, self.keep)
        u_MDHW = u_TBDHW.flatten(0, 1)
        mixed_MDHW = self.experts(u_MDHW, gate_TBE.flatten(0, 1))
        shared_MDHW = self.shared(u_MDHW.detach())
        parts = (part.unflatten(0, x_TBDHW.shape[:2]) for part in (mixed_MDHW, shared_MDHW))
        y_TBDHW = torch.stack(
            [
                path(u_BDHW, own_B1, mixed_BDHW, shared_BDHW)
                for path, u_BDHW, (_, own_B1), mixed_BDHW, shared_BDHW in zip(
                    paths, u_TBDHW, routed, *parts, strict=True
                )
            ]
        )
        return y_TBDHW, logits_TBE, gate_TBE


class LowRankConvs(nn.Module):
    """y = sum_i g_i M_i W_i u for every image, as one product with a mask on the rows of all W_i.

    Initial values: Kaiming-uniform as PyTorch's convolutions have them, for each expert alone.

    Args:
        width: D, channels in and out.
        ranks: rows of the W_i.
        kernel: side of the W_i; the M_i are 1x1.
    """

    def __init__(self, width: int, ranks: Sequence[int], kernel: Kernel) -> None:
        super().__init__()
        self.down = nn.Conv2d(width, sum(ranks), kernel, padding=kernel // 2, bias=False)
        self.up = nn.Conv2d(sum(ranks), width, 1, bias=False)
        rows = [(expert, rank**-0.5) for expert, rank in enumerate(ranks) for _ in range(rank)]
        self.expert_R: Tensor
        self.register_buffer("expert_R", torch.tensor([e for e, _ in rows]), persistent=False)
        with torch.no_grad():
            bound_R11 = torch.tensor([bound for _, bound in rows])[:, None, None]
            self.up.weight.uniform_(-1, 1).mul_(bound_R11)

    def forward(self, u_MDHW: Tensor, gate_ME: Tensor) -> Tensor:
        """The mixture (M, D, H, W) for weights that every image has of its own."""
        z_MRHW = self.down(u_MDHW)
        mask_MR11 = gate_ME.to(z_MRHW.dtype)[:, self.expert_R, None, None]
        y_MDHW: Tensor = self.up(z_MRHW * mask_MR11)
        return y_MDHW


class TaskPath(nn.Module):
    """What one task has of its own in a block. No bias where a batch norm would take it out.

    Args:
        width: D, channels in and out.
        num_experts: E, experts of the block.
        rank: rows of W_t.
        kernel: side of W_t.
    """

    def __init__(self, width: int, num_experts: int, rank: int, kernel: Kernel) -> None:
        super().__init__()
        self.enter = nn.Conv2d(width, width, 1)
        self.router = SampleRouter(width, num_experts)
        self.own = LowRankConvs(width, [rank], kernel)
        self.norm_mixed = nn.BatchNorm2d(width)
        self.norm = nn.BatchNorm2d(width)
        self.leave = nn.Conv2d(width, width, 1)

    def forward(
        self, u_BDHW: Tensor, own_B1: Tensor, mixed_BDHW: Tensor, shared_BDHW: Tensor
    ) -> Tensor:
        """The block's output (B, D, H, W) of this task.

        Args:
            u_BDHW: what `enter` gave.
            own_B1: weight of the task's own low-rank path.
            mixed_BDHW: the experts' mixture.
            shared_BDHW: of the convolution for all tasks.
        """
        sum_BDHW = self.norm_mixed(mixed_BDHW) + self.own(u_BDHW, own_B1) + shared_BDHW
        y_BDHW: Tensor = self.leave(gelu(self.norm(sum_BDHW)))
        return y_BDHW


class SampleRouter(nn.Module):
    """A task's router: one decision for an image, with noise of learned size in training.

    [z; s; a] = R [V2 mean(gelu(LN(V1 u))); V3 gelu(LN(mean(u)))] + b; z + eps * s with
    eps ~ N(0, 1) are the experts' logits, a is the weight of the task's own path. The paper leaves
    the router open. In its released code the second mean has learned weights, one for a cell of a
    grid of fixed size; ours is plain, as a decoder runs at any size.

    Args:
        width: D, channels of the map.
        num_experts: E, logits.
    """

    def __init__(self, width: int, num_experts: int) -> None:
        super().__init__()
        hidden = max(width // 4, 1)
        self.num_experts = num_experts
        self.cells = nn.Sequential(nn.Conv2d(width, hidden, 1), ChannelNorm(hidden), nn.GELU())
        self.of_cells = nn.Linear(hidden, hidden)
        self.of_image = nn.Sequential(nn.LayerNorm(width), nn.GELU(), nn.Linear(width, hidden))
        self.decide = nn.Linear(2 * hidden, 2 * num_experts + 1)

    def forward(self, u_BDHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits_BE in float32 at least, and the weight_B1 of the task's own path."""
        of_cells = self.of_cells(self.cells(u_BDHW).mean((-2, -1)))
        of_image = self.of_image(u_BDHW.mean((-2, -1)))
        decided = at_least_float32(self.decide(torch.cat([of_cells, of_image], -1)))
        logits_BE, scale_BE, own_B1 = decided.split([self.num_experts, self.num_experts, 1], -1)
        if self.training:
            logits_BE = logits_BE + torch.randn_like(logits_BE) * scale_BE
        return logits_BE, own_B1
