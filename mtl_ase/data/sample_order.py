"""The order of samples, a function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

Key = tuple[int, int]


class SampleOrder(Sampler[Key]):
    """A distributed sampler of keys (epoch, index) for one rank.

    Training (`shuffle`): a permutation seeded by (seed, epoch); the rank takes every world-th key,
    and the remainder of num_samples / world is left out in this epoch. Scoring: file order; no
    sample is left out or repeated, so ranks may have one sample more than others.

    Args:
        num_samples: number of samples in the split.
        seed: seed of the permutations.
        shuffle: True for training order, False for file order.
        rank: rank of this process.
        world: number of processes.
        start: position of a resumed training: epoch, and number of this rank's keys already used.
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
        self.epoch = start[0]  # loaders may start to iterate before set_epoch is called

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls this before every epoch."""
        self.epoch = epoch

    @property
    def done(self) -> int:
        """How many keys of the epoch at hand are done already: a resumed one goes on after them."""
        return self.start[1] if self.epoch == self.start[0] else 0

    def __len__(self) -> int:
        return len(range(self.rank, self._num_used(), self.world))

    def __iter__(self) -> Iterator[Key]:
        order = np.arange(self.num_samples)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        mine = order[: self._num_used()][self.rank :: self.world]
        return ((self.epoch, int(index)) for index in mine[self.done :])

    def _num_used(self) -> int:
        """Samples of all ranks in an epoch."""
        uneven = self.num_samples % self.world if self.shuffle else 0
        return self.num_samples - uneven
