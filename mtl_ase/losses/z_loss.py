"""Size of the router logits. Shapes: T tasks, B images, L tokens, E experts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mtl_ase.base.numerics import at_least_float32
from mtl_ase.losses.regulariser import Regulariser
from mtl_ase.model import Routing


class ZLoss(Regulariser):
    """Mean of logsumexp(logits)^2 over the tokens, mean over the routers: keeps logits small.

    Source: ST-MoE (arXiv 2202.08906, Eq. 5); Mod-Squad's code has it with weight 0.
    """

    def forward(self, routing: Sequence[Routing]) -> Tensor:
        """The loss of one forward pass."""
        sizes = [at_least_float32(r.logits_TBLE).logsumexp(-1).square().mean() for r in routing]
        return torch.stack(sizes).mean()
