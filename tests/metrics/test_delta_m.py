"""Delta_m against the paper's Table 1 (arXiv 2510.00570)."""

from __future__ import annotations

import math

import pytest
import torch

from mtl_ase.metrics import delta_m


def gain(values, reference, better):
    """Delta_m of numbers."""
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
    return float(delta_m(tensors, reference, better))


TASKS = ("semseg", "normals", "human_parts", "saliency", "edge")
BETTER = {name: name != "normals" for name in TASKS}
SINGLE = dict(zip(TASKS, (60.1, 15.4, 51.0, 63.2, 50.8), strict=True))
TABLE_1 = [
    ((60.1, 15.4, 51.0, 63.2, 50.8), 0.00),
    ((58.4, 15.9, 51.8, 62.6, 50.3), -1.29),
    ((58.9, 16.4, 51.9, 62.2, 50.6), -1.74),
    ((59.7, 15.5, 51.7, 62.7, 51.5), 0.13),
    ((60.4, 15.4, 51.6, 63.1, 51.7), 0.66),
    ((69.1, 16.2, 54.8, 61.9, 49.9), 2.68),
    ((73.7, 17.5, 59.2, 62.9, 53.7), 6.06),
    ((73.8, 17.4, 59.3, 62.9, 53.3), 6.11),
    ((74.0, 17.3, 60.1, 63.2, 55.3), 7.49),
    ((74.0, 17.2, 60.3, 63.3, 54.9), 7.58),
]


@pytest.mark.parametrize(("row", "printed"), TABLE_1)
def test_gives_the_papers_values(row, printed):
    values = dict(zip(TASKS, row, strict=True))
    assert gain(values, SINGLE, BETTER) == pytest.approx(printed, abs=0.011)


def test_lower_is_better_turns_the_sign():
    assert gain({"a": 9.0}, {"a": 10.0}, {"a": False}) == pytest.approx(10)
    assert gain({"a": 9.0}, {"a": 10.0}, {"a": True}) == pytest.approx(-10)


def test_tasks_that_do_not_take_part_are_left_out():
    values = {"a": 2.0, "extra": 7.0}
    assert gain(values, {"a": 1.0, "other": 3.0}, {"a": True}) == pytest.approx(100)


@pytest.mark.parametrize(
    ("values", "reference"),
    [
        ({"a": 1.0}, {"a": 1.0, "b": 1.0}),
        ({"a": 1.0, "b": math.nan}, {"a": 1.0, "b": 1.0}),
        ({"a": 1.0, "b": 1.0}, {"a": 1.0}),
        ({"a": 1.0, "b": 1.0}, {"a": math.nan, "b": 1.0}),
        ({"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 1.0}),
        ({"a": 1.0, "b": 1.0}, {}),
        ({}, {}),
    ],
)
def test_anything_missing_gives_nan(values, reference):
    assert math.isnan(gain(values, reference, {"a": True, "b": True}))


def test_no_task_gives_nan():
    assert math.isnan(gain({}, {}, {}))


def test_of_several_values_at_once():
    values = {"a": torch.tensor([9.0, 11.0]), "b": torch.tensor([4.0, 5.0])}
    gains_2 = delta_m(values, {"a": 10.0, "b": 4.0}, {"a": False, "b": True})
    torch.testing.assert_close(gains_2, torch.tensor([5.0, 7.5]))
