"""The order of samples, from (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

Key = tuple[int, int]


class SampleOrder(Sampler[Key]):
    """Keys (epoch, index) of one process's samples.

    Training: a permutation drawn from (seed, epoch); every process takes every world-th key, and
    the few that would make them uneven are left out for this epoch. Scoring: file order, none left
    out, none repeated.

    Args:
        num_samples: samples in the split.
        seed: of the permutations.
        shuffle: training order, or file order.
        rank: this process.
        world: processes.
        start: where a resumed training goes on: the epoch, and how many of its keys are done.
    """

    def __init__(
        self,
        num_samples: int,
        seed: int,
        shuffle: bool,
        rank: int = 0,
        world: int = 1,
        start: tuple[int, int] = (0, 0),
    ) -> None:
        self.num_samples, self.seed, self.shuffle = num_samples, seed, shuffle
        self.rank, self.world = rank, world
        self.start = start
        self.epoch = start[0]  # until it is set: loaders begin to read before

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every epoch."""
        self.epoch = epoch

    @property
    def done(self) -> int:
        """How many keys of the epoch at hand are done already: a resumed one goes on after them."""
        return self.start[1] if self.epoch == self.start[0] else 0

    def __len__(self) -> int:
        return len(range(self.rank, self._shared(), self.world))

    def __iter__(self) -> Iterator[Key]:
        order = np.arange(self.num_samples)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        mine = order[: self._shared()][self.rank :: self.world]
        return ((self.epoch, int(index)) for index in mine[self.done :])

    def _shared(self) -> int:
        uneven = self.num_samples % self.world if self.shuffle else 0
        return self.num_samples - uneven
