"""What a task checks."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import nn

from mtl_ase.base.errors import UserError
from mtl_ase.losses import CrossEntropy
from mtl_ase.metrics import MeanIoU
from mtl_ase.tasks import ClassMap, Task


def task(**changes: Any) -> Task:
    arguments: dict[str, Any] = {
        "name": "things",
        "channels": 3,
        "loss": CrossEntropy(),
        "output": ClassMap(),
        "metrics": {"miou": MeanIoU(3), "again": MeanIoU(3)},
        "headline": "miou",
    }
    return Task(**{**arguments, **changes})


def test_metrics_are_named_after_the_task():
    assert task().headline_key == "things/miou"
    assert list(task().measured()) == ["things/miou", "things/again"]
    assert task().weight == 1


def test_a_task_can_not_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        task().weight = 2.0  # type: ignore[misc]


def test_the_headline_must_be_a_metric():
    with pytest.raises(UserError, match=r"tasks\.things\.headline=maxf .*\(miou, again\)"):
        task(headline="maxf")


def test_the_weight_must_not_be_negative():
    assert task(weight=0).weight == 0
    with pytest.raises(UserError, match=r"tasks\.things\.weight=-1 is negative"):
        task(weight=-1)


class Uncounted(nn.Module):
    """A loss of somebody else's, in which `counts` is something else."""

    counts = 3


def test_a_loss_may_say_by_what_it_is_normalised():
    label = torch.tensor([[[0, 1, 255, 2]]])
    assert task().counts(label).tolist() == [3]
    assert task(loss=nn.L1Loss()).counts is None
    with pytest.raises(UserError, match=r"tasks\.things\.loss: counts of Uncounted is no method"):
        task(loss=Uncounted())
