"""The best constant prediction. B images, C channels, HW pixels."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.data import Batch
from mtl_ase.evaluation import ConstantPredictor


@pytest.fixture
def batch():
    """Three of four pixels are class 3, part 2, not salient, normal down-right, no edge."""
    minority_HW = torch.zeros(8, 8, dtype=torch.bool)
    minority_HW[:4, :4] = True
    majority = {"semseg": (3, 5), "human_parts": (2, 1), "saliency": (0, 1), "edge": (0, 0)}
    labels = {
        name: torch.where(minority_HW, *(torch.tensor(v, dtype=torch.uint8) for v in values[::-1]))
        for name, values in majority.items()
    }
    labels["normals"] = torch.tensor([0.6, 0.0, 0.8])[:, None, None].expand(3, 8, 8)
    return Batch(
        ["a", "b"],
        torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
        {name: label.expand(2, *label.shape) for name, label in labels.items()},
    )


def test_learns_what_is_most_frequent(tasks, batch):
    predictor = ConstantPredictor(tasks)
    predictor.fit([batch])
    logits = predictor(batch.image_BCHW).logits
    predicted = {name: task.output.activate(logits[name][0]) for name, task in tasks.items()}
    assert (predicted["semseg"] == 3).all()
    assert (predicted["human_parts"] == 2).all()
    assert (predicted["edge"] < 0.1).all()
    torch.testing.assert_close(predicted["normals"], batch.labels["normals"][0], atol=0.1, rtol=0)


def test_predicts_the_same_everywhere(tasks, batch):
    predictor = ConstantPredictor(tasks)
    predictor.fit([batch], steps=3)
    prediction = predictor(torch.zeros(4, 3, 5, 7))
    assert prediction.routing == []
    for name, task in tasks.items():
        logits_BCHW = prediction.logits[name]
        assert logits_BCHW.shape == (4, task.channels, 5, 7)
        assert torch.equal(logits_BCHW, logits_BCHW[:1, :, :1, :1].expand_as(logits_BCHW))


def test_does_not_look_at_images(tasks, batch):
    biases = []
    for brightness in (0, 200):
        predictor = ConstantPredictor(tasks)
        image_BCHW = torch.full_like(batch.image_BCHW, brightness)
        predictor.fit([batch._replace(image_BCHW=image_BCHW)], steps=5)
        biases.append(torch.cat([bias.detach() for bias in predictor.bias.values()]))
    assert torch.equal(*biases)


def test_unlabelled_tasks_stay_as_they_were(tasks, batch):
    labels = batch.labels | {"semseg": torch.full_like(batch.labels["semseg"], 255)}
    predictor = ConstantPredictor(tasks)
    predictor.fit([batch._replace(labels=labels)], steps=5)
    assert (predictor.bias["semseg"] == predictor.bias["semseg"][0]).all()
