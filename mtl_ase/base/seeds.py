"""Seeds of independent streams of random numbers."""

from __future__ import annotations

import numpy as np


def seed_from(*numbers: int) -> int:
    """A seed for torch; other numbers, such as seed, batch and rank, give an independent stream."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
