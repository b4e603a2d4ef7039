"""Random numbers that are the same on all processes and after a resume."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


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
        state = np.random.SeedSequence((self.seed, int(self.draws))).generate_state(1, np.uint64)
        self.draws += 1
        return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))
