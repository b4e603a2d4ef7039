"""Which comes first, activating or resizing: what is done, what decides, and what it costs."""

from __future__ import annotations

import copy
import functools

import cv2
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from torch.nn.functional import interpolate, one_hot

from mtl_ase.config import CONFIGS
from mtl_ase.data import Batch
from mtl_ase.evaluation import EvalProtocol, Reference, Scorer
from mtl_ase.evaluation.protocol import resized
from mtl_ase.metrics import MeanIoU
from mtl_ase.tasks import Task
from tests.conftest import PASCAL_MINI
from tests.model.batches import make_label

FIRST = EvalProtocol("p", activate_first=True)


@pytest.fixture
def scored(tasks):
    """Logits of 16 pixels, and labels of sizes of their own."""
    generator = torch.Generator().manual_seed(0)
    labels = {
        name: [make_label(task.channels, size, generator) for size in ((37, 50), (41, 29))]
        for name, task in tasks.items()
    }
    logits = {
        name: torch.randn(2, task.channels, 16, 16, generator=generator)
        for name, task in tasks.items()
    }
    return logits, Batch(["a", "b"], torch.zeros(2, 3, 16, 16), labels)


def reference(tasks, activate_first, protocol="astmt"):
    values = {task.headline_key: 50.0 for task in tasks.values()}
    return Reference("here", protocol, dict.fromkeys(values, "made up"), values, activate_first)


def predicted(task, logits_1CHW, size_hw):
    return FIRST.predict(task, logits_1CHW, resized(logits_1CHW, size_hw))


def test_classes_are_resized_exactly_as_cv2_does(tasks):
    rng = np.random.default_rng(0)
    sizes = [(*rng.integers(1, 90, 2), *rng.integers(1, 130, 2)) for _ in range(200)]
    sizes += [(224, 224, 375, 500), (512, 512, 333, 500), (224, 224, 500, 375), (64, 64, 64, 64)]
    for height, width, *size_hw in sizes:
        ids_HW = rng.integers(0, 21, (height, width))
        logits_1CHW = one_hot(torch.from_numpy(ids_HW), 21).permute(2, 0, 1)[None].float()
        height, width = (int(side) for side in size_hw)
        expected = cv2.resize(
            ids_HW.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
        )
        found = predicted(tasks["semseg"], logits_1CHW, (height, width))
        assert found.dtype == torch.int64
        assert np.array_equal(found.numpy(), expected), (ids_HW.shape, size_hw)


@pytest.mark.parametrize("name", ["saliency", "edge", "normals"])
@pytest.mark.parametrize("size_hw", [(375, 500), (40, 31)])
def test_maps_are_resized_bilinearly_as_cv2_does(tasks, name, size_hw):
    task = tasks[name]
    logits_1CHW = torch.randn(1, task.channels, 64, 64)
    map_HWC = task.output.activate(logits_1CHW[0]).reshape(task.channels, 64, 64).permute(1, 2, 0)
    expected = cv2.resize(map_HWC.numpy(), size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    expected = torch.from_numpy(expected.reshape(*size_hw, -1)).permute(2, 0, 1)
    found = predicted(task, logits_1CHW, size_hw)
    torch.testing.assert_close(found.reshape(expected.shape), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("protocol", "measured", "order"),
    [
        (None, True, True),
        (None, False, False),
        (None, None, False),
        (True, True, True),
        (False, False, False),
        (True, None, True),
        (False, True, None),
        (True, False, None),
    ],
)
def test_the_reference_decides_and_two_orders_are_never_mixed(tasks, protocol, measured, order):
    scorer = Scorer(
        tasks,
        reference(tasks, measured),
        "here",
        EvalProtocol("astmt", activate_first=protocol),
    )
    assert bool(scorer.reference) is (order is not None)
    if order is None:
        assert f"protocol.activate_first={str(protocol).lower()}" in scorer.reference_mismatch
    else:
        assert not scorer.reference_mismatch
        assert scorer.protocol.activate_first is order


def test_a_reference_that_does_not_fit_decides_nothing(tasks):
    for scorer in (
        Scorer(tasks),
        Scorer(tasks, reference(tasks, True), "there"),
        Scorer(tasks, reference(tasks, True, "invpt"), "here"),
    ):
        assert scorer.protocol.activate_first is False


def test_both_orders_are_scored_and_delta_m_is_of_the_reference_s(tasks, scored):
    both = Scorer(copy.deepcopy(tasks), reference(tasks, True), "here", both_orders=True)
    alone = {}
    for order in (True, False):
        scorer = Scorer(copy.deepcopy(tasks), reference(tasks, order), "here")
        scorer.update(*scored)
        alone[order] = scorer.compute()
    both.update(*scored)
    assert both.compute() == alone[True]
    assert both.resize_first.compute() == alone[False] | {"delta_m": None}
    assert {key for key in alone[True] if alone[True][key] != alone[False][key]} >= {
        *(task.headline_key for task in tasks.values()),
        "delta_m",
    }
    both.reset()
    both.update(*scored)
    assert both.compute() == alone[True]
    assert both.resize_first.compute() == alone[False] | {"delta_m": None}
    torch.testing.assert_close(both.loss.compute(), scorer.loss.compute())


def test_one_order_is_scored_where_there_is_no_other(tasks):
    assert Scorer(tasks, reference(tasks, False), "here", both_orders=True).resize_first is None
    assert Scorer(tasks, reference(tasks, True), "here").resize_first is None


def test_validations_of_the_paper_s_setting_are_of_its_reference_s_order(composed, tasks):
    shipped = instantiate(composed().training.reference, _convert_="object")
    scorer = Scorer(tasks, shipped, "pascal_context")
    assert set(scorer.reference) == {task.headline_key for task in tasks.values()}
    assert scorer.protocol.activate_first is True


def test_what_ships_says_its_order():
    shipped = OmegaConf.load(CONFIGS / "reference" / "paper_stl_resnet18.yaml")
    assert shipped.activate_first is True
    assert OmegaConf.load(CONFIGS / "protocol" / "astmt.yaml").activate_first is None
    assert OmegaConf.load(CONFIGS / "protocol" / "invpt.yaml").activate_first is False


@pytest.mark.skipif(not PASCAL_MINI.is_dir(), reason="the real images are not here")
@pytest.mark.slow
def test_what_the_order_costs_an_ideal_network_of_224_pixels(tasks):
    """docs/evaluation.md's figures: labels as logits, through 224 pixels and back, 109 images."""
    semseg: Task = tasks["semseg"]
    miou = {order: MeanIoU(21) for order in (True, False)}
    for image_id in (PASCAL_MINI / "ImageSets/Context/val.txt").read_text().split():
        label_HW = torch.from_numpy(
            np.array(Image.open(PASCAL_MINI / f"semseg/VOC12/{image_id}.png"))
        )
        classes_HW = label_HW.masked_fill(label_HW == 255, 0).long()
        share_1CHW = one_hot(classes_HW, 21).permute(2, 0, 1)[None].float()
        logits_1CHW = interpolate(share_1CHW, (224, 224), mode="bilinear", antialias=True)
        for order, metric in miou.items():
            predict = functools.partial(
                EvalProtocol("p", activate_first=order).predict, semseg, logits_1CHW
            )
            metric.update(predict(resized(logits_1CHW, label_HW.shape[-2:])), label_HW)
    found = {order: round(float(metric.compute()), 2) for order, metric in miou.items()}
    assert found == {True: 97.2, False: 99.3}
