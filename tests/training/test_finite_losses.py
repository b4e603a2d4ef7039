"""Losses that are not finite numbers never reach the weights."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.training.finite_losses import FiniteLosses, NonfiniteLoss

GOOD = {"semseg": torch.tensor(1.0), "edge": torch.tensor(2.0)}
IDS = [f"image{number}" for number in range(10)]


def losses(value: float) -> dict[str, torch.Tensor]:
    return GOOD | {"edge": torch.tensor(value)}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_step_task_and_images_are_named(value):
    guard = FiniteLosses("raise", 10)
    assert guard.accepts(torch.tensor(3.0), GOOD, 0, IDS)
    guard.check()
    bad = losses(value)
    assert guard.accepts(sum(bad.values()), bad, 7, IDS)
    assert guard.accepts(torch.tensor(3.0), GOOD, 7, IDS), "the next batch of the same step"
    with pytest.raises(NonfiniteLoss, match=r"step 7: the loss of edge .* image0, .* and 2 more"):
        guard.check()


def test_the_router_is_named_where_all_tasks_are_finite():
    guard = FiniteLosses("raise", 10)
    guard.accepts(torch.tensor(float("nan")), GOOD, 0, IDS[:2])
    with pytest.raises(NonfiniteLoss, match="the loss of the router"):
        guard.check()


def test_batches_are_skipped_up_to_a_bound():
    guard, bad = FiniteLosses("skip", 3), losses(float("nan"))
    for _ in range(2):
        for _ in range(3):
            with pytest.warns(UserWarning, match="the batch is left out"):
                assert not guard.accepts(sum(bad.values()), bad, 0, IDS)
        assert guard.accepts(torch.tensor(3.0), GOOD, 0, IDS), "a good one starts the count anew"
    for _ in range(3):
        with pytest.warns(UserWarning, match="left out"):
            guard.accepts(sum(bad.values()), bad, 0, IDS)
    with pytest.raises(NonfiniteLoss):
        guard.accepts(sum(bad.values()), bad, 0, IDS)
