"""What a task checks, its activations and its colours."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mtl_ase.base.errors import UserError
from mtl_ase.losses import CrossEntropy
from mtl_ase.metrics import MeanIoU
from mtl_ase.tasks import (
    Task,
    class_colours,
    class_ids,
    depth_colours,
    grey,
    normal_colours,
    probability,
    unit_vector,
)


def task(**changes: Any) -> Task:
    arguments: dict[str, Any] = {
        "name": "things",
        "channels": 3,
        "loss": CrossEntropy(),
        "activation": class_ids,
        "metrics": {"miou": MeanIoU(3), "again": MeanIoU(3)},
        "headline": "miou",
        "colours": class_colours,
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


def test_class_ids_are_those_of_the_largest_logit():
    logits = torch.tensor([[[1.0, 0.0]], [[0.0, 3.0]], [[-1.0, 2.0]]])
    assert class_ids(logits).tolist() == [[0, 1]]


def test_probability_is_the_sigmoid():
    found = probability(torch.tensor([[[0.0, 100.0, -100.0, 1.0986123]]]))
    assert torch.allclose(found, torch.tensor([[0.5, 1.0, 0.0, 0.75]]))


def test_unit_vector_has_length_one_along_the_channels():
    logits = torch.randn(3, 4, 5)
    unit = unit_vector(logits)
    assert torch.allclose(unit.norm(dim=0), torch.ones(4, 5))
    assert torch.allclose(unit * logits.norm(dim=0), logits, atol=1e-6)


def test_class_colours_are_vocs():
    ids = np.array([[0, 1, 15, 20, 255]])
    assert class_colours(ids).tolist() == [
        [[0, 0, 0], [128, 0, 0], [192, 128, 128], [0, 64, 128], [224, 224, 192]]
    ]
    many = class_colours(np.arange(21)[None])
    assert len({tuple(colour) for colour in many[0]}) == 21


def test_grey_goes_from_black_to_white_and_tints_what_is_ignored():
    shades = grey(np.array([[0, 0.5, 1.0]], np.float32))
    assert shades.tolist() == [[[0] * 3, [127] * 3, [255] * 3]]
    label = grey(np.array([[0, 1, 255]], np.uint8))
    assert label[0, :2].tolist() == [[0] * 3, [255] * 3]
    red, green, blue = label[0, 2].tolist()
    assert blue > red == green


def test_normal_colours_are_the_stored_bytes():
    normals = np.zeros((3, 1, 4), np.float32)
    normals[0, 0, 1] = normals[2, 0, 2] = 1
    normals[1, 0, 3] = -1
    colours = normal_colours(normals)
    assert colours.tolist() == [[[128] * 3, [255, 128, 128], [128, 128, 255], [128, 0, 128]]]


def test_depth_colours_are_bright_near_and_black_where_unknown():
    colours = depth_colours(np.array([[0.0, 0.5, 10.0, 19.0, 500.0]], np.float32)).astype(int)
    assert colours[0, 0].tolist() == [0, 0, 0]
    sums = colours[0, 1:].sum(-1)
    assert (np.diff(sums) <= 0).all()
    assert colours[0, 1, 0] > colours[0, 1, 2]
    assert colours[0, 4, 2] > colours[0, 4, 0]


@pytest.mark.parametrize("colours", [class_colours, grey, depth_colours])
def test_pictures_are_bytes_of_red_green_blue(colours):
    for dtype in (np.uint8, np.int64, np.float32):
        picture = colours(np.ones((4, 6), dtype))
        assert picture.shape == (4, 6, 3)
        assert picture.dtype == np.uint8
    assert normal_colours(np.ones((3, 4, 6), np.float32)).shape == (4, 6, 3)


class Uncounted(nn.Module):
    """A loss of somebody else's, in which `counts` is something else."""

    counts = 3


def test_a_loss_may_say_by_what_it_is_normalised():
    label = torch.tensor([[[0, 1, 255, 2]]])
    assert task().counts(label).tolist() == [3]
    assert task(loss=nn.L1Loss()).counts is None
    with pytest.raises(UserError, match=r"tasks\.things\.loss: counts of Uncounted is no method"):
        task(loss=Uncounted())
