"""The weighted sum of task losses."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.balance import FixedWeights
from mtl_ase.base.errors import UserError


def test_adds_each_loss_times_its_weight():
    losses = {
        name: torch.tensor(value, requires_grad=True) for name, value in [("a", 3.0), ("b", 5.0)]
    }
    total = FixedWeights({"b": 10, "a": 0.5})(losses)
    total.backward()
    assert total.shape == ()
    assert total.item() == 51.5
    assert [losses[name].grad.item() for name in "ab"] == [0.5, 10]


@pytest.mark.parametrize("names", ["a", "abc", "ac", ""])
def test_other_names_are_refused(names):
    losses = {name: torch.tensor(1.0) for name in names}
    with pytest.raises(UserError, match="give each task one weight"):
        FixedWeights({"a": 1.0, "b": 1.0})(losses)
