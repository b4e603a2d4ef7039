"""Random numbers that are the same on all processes and after a resume."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtl_ase.base.seeds import seed_from


class SharedRandomness(nn.Module):
    """Generators from the seed of the run and the number of draws so far, which checkpoints hold.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.draws: Tensor
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))

    def generator(self) -> torch.Generator:
        """A new generator on the CPU, for the draws of one step."""
        seed = seed_from(self.seed, int(self.draws))
        self.draws += 1
        return torch.Generator().manual_seed(seed)
