"""Scoring: resized to each label, image by image. C channels, HW pixels."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import interpolate

from mtl_ase.data import Batch
from mtl_ase.evaluation import Reference, Scorer
from tests.model.batches import make_label

SIZES = [(24, 32), (17, 40), (32, 32)]
pytestmark = pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")


@pytest.fixture
def scored(tasks):
    """Logits, and a batch whose labels have sizes of their own."""
    generator = torch.Generator().manual_seed(0)
    labels = {
        name: [make_label(task.channels, size, generator) for size in SIZES]
        for name, task in tasks.items()
    }
    logits = {name: torch.randn(3, task.channels, 32, 32) for name, task in tasks.items()}
    return logits, Batch(["a", "b", "c"], torch.zeros(3, 3, 32, 32), labels)


def unlabelled(label):
    return torch.zeros_like(label) if label.is_floating_point() else torch.full_like(label, 255)


def test_values_are_those_of_the_metrics_fed_by_hand(tasks, scored):
    logits, batch = scored
    by_hand = copy.deepcopy(tasks)
    scorer = Scorer(tasks)
    scorer.update(logits, batch)
    found = scorer.compute()
    losses = torch.zeros(3)
    for name, task in by_hand.items():
        for image, label in enumerate(batch.labels[name]):
            logits_1CHW = logits[name][image : image + 1]
            logits_1CHW = interpolate(logits_1CHW, label.shape[-2:], mode="bilinear")
            losses[image] += task.weight * task.loss(logits_1CHW, label[None])
            for metric in task.metrics.values():
                metric.update(task.output.activate(logits_1CHW[0]), label)
        for key, metric in task.metrics.items():
            assert found[f"{name}/{key}"] == float(metric.compute())
    assert found["delta_m"] is None
    torch.testing.assert_close(scorer.loss.compute(), losses.mean())


def test_one_batch_or_many(tasks, scored):
    logits, batch = scored
    together = Scorer(tasks)
    together.update(logits, batch)
    expected = together.compute()
    together.reset()
    for i in range(3):
        labels = {name: maps[i : i + 1] for name, maps in batch.labels.items()}
        part = {name: value[i : i + 1] for name, value in logits.items()}
        together.update(part, Batch([str(i)], batch.image_BCHW[i : i + 1], labels))
    assert together.compute() == pytest.approx(expected)


def test_half_precision_logits_are_taken(tasks, scored):
    logits, batch = scored
    scorer = Scorer(tasks)
    scorer.update({name: value.bfloat16() for name, value in logits.items()}, batch)
    assert all(value is not None for key, value in scorer.compute().items() if key != "delta_m")


def test_a_task_without_a_label_is_not_known(tasks, scored):
    logits, batch = scored
    labels = batch.labels | {"normals": [unlabelled(label) for label in batch.labels["normals"]]}
    scorer = Scorer(tasks, reference(tasks), "here")
    scorer.update(logits, batch._replace(labels=labels))
    found = scorer.compute()
    assert found["normals/merr"] is None
    assert found["semseg/miou"] is not None
    assert found["delta_m"] is None


def test_nothing_seen(tasks):
    assert set(Scorer(tasks).compute().values()) == {None}


def test_reset_forgets(tasks, scored):
    scorer = Scorer(tasks)
    scorer.update(*scored)
    scorer.reset()
    assert set(scorer.compute().values()) == {None}


def reference(tasks, dataset="here", **changes):
    values = {task.headline_key: 50.0 for task in tasks.values()} | changes
    return made_up(values, dataset)


def made_up(values, dataset="here", protocol="astmt"):
    return Reference(dataset, protocol, dict.fromkeys(values, "made up"), values)


def test_delta_m_with_a_reference(tasks, scored):
    scorer = Scorer(tasks, reference(tasks), "here")
    scorer.update(*scored)
    found = scorer.compute()
    gains = [(found[task.headline_key] - 50) / 50 for task in tasks.values()]
    gains[list(tasks).index("normals")] *= -1  # degrees: lower is better
    assert found["delta_m"] == pytest.approx(100 * sum(gains) / 5)


@pytest.mark.parametrize(
    "case", ["none", "another data set", "another protocol", "one value missing", "one too many"]
)
def test_no_delta_m_without_a_fitting_reference(tasks, scored, case):
    found = {"none": None, "another data set": reference(tasks, dataset="there")}
    values = {task.headline_key: 50.0 for task in tasks.values() if task.name != "edge"}
    found["one value missing"] = made_up(values)
    found["one too many"] = reference(tasks, **{"depth/rmse": 0.6})
    found["another protocol"] = made_up(dict(reference(tasks).values), protocol="invpt")
    scorer = Scorer(tasks, found[case], "here")
    scorer.update(*scored)
    assert scorer.compute()["delta_m"] is None


def test_the_shipped_reference_fits_the_tasks(composed, tasks):
    config = composed("experiment=ase").training.reference
    shipped = Reference(
        config.dataset, config.protocol, dict(config.sources), dict(config["values"])
    )
    scorer = Scorer(tasks, shipped, "pascal_context")
    assert set(scorer.reference) == {task.headline_key for task in tasks.values()}


def test_only_the_first_images_of_the_list_are_scored_where_a_metric_says_so(tasks, scored):
    """Positions in the list decide, in whatever order and batches the images come."""
    logits, batch = scored
    tasks["edge"].metrics["odsf"].max_images = 2
    limited = Scorer(tasks, per_image=True)
    limited.update(logits, batch._replace(positions=[5, 1, 0]))
    counts = limited.per_image.counts
    assert set(counts["edge/odsf"]) == {"b", "c"}
    assert set(counts["edge/bce"]) == {"a", "b", "c"}
