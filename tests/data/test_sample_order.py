"""The order of samples: a function of (seed, epoch), shared fairly among processes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_ase.data import SampleOrder


def indices(num: int, seed: int, shuffle: bool, epoch: int, rank: int = 0, world: int = 1) -> list:
    order = SampleOrder(num, seed, shuffle, rank, world)
    order.set_epoch(epoch)
    keys = list(order)
    assert len(keys) == len(order)
    assert all(key_epoch == epoch for key_epoch, _ in keys)
    return [index for _, index in keys]


@given(st.integers(1, 60), st.integers(0, 99), st.integers(0, 99))
def test_training_order_is_a_permutation_and_can_be_repeated(num: int, seed: int, epoch: int):
    order = indices(num, seed, True, epoch)
    assert sorted(order) == list(range(num))
    assert order == indices(num, seed, True, epoch)


def test_epochs_and_seeds_differ():
    orders = [indices(50, seed, True, epoch) for seed in range(3) for epoch in range(4)]
    assert len({tuple(order) for order in orders}) == 12


@given(st.integers(0, 60), st.integers(1, 9), st.integers(0, 5))
def test_processes_share_a_training_epoch_evenly(num: int, world: int, epoch: int):
    shares = [indices(num, 1, True, epoch, rank, world) for rank in range(world)]
    assert {len(share) for share in shares} == {num // world}
    together = [index for share in shares for index in share]
    assert len(set(together)) == len(together) == num - num % world


def test_who_is_left_out_changes_with_the_epoch():
    left = {
        frozenset(range(7)) - {i for rank in range(2) for i in indices(7, 0, True, e, rank, 2)}
        for e in range(20)
    }
    assert len(left) > 3


@given(st.integers(0, 60), st.integers(1, 9))
def test_scoring_leaves_nobody_out_and_repeats_nobody(num: int, world: int):
    shares = [indices(num, 1, False, 0, rank, world) for rank in range(world)]
    assert sorted(index for share in shares for index in share) == list(range(num))
    assert all(share == sorted(share) for share in shares)


@pytest.mark.parametrize("epoch", [0, 5])
def test_scoring_order_is_that_of_the_file(epoch: int):
    assert indices(5, 3, False, epoch) == [0, 1, 2, 3, 4]
