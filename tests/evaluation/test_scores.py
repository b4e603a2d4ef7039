"""Scores of two networks: values, intervals, images, delta_m, what may be compared."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.evaluation import Published, Scores, published
from mtl_ase.metrics import MeanAngle, MeanIoU, delta_m


def scores(seed: int = 0, name: str = "one", **changes) -> Scores:
    generator = torch.Generator().manual_seed(seed)
    metrics = {"semseg/miou": MeanIoU(3), "normals/merr": MeanAngle()}
    tables: dict[str, list[torch.Tensor]] = {key: [] for key in metrics}
    for image in range(6):
        prediction, label = torch.randint(0, 3, (2, 8, 9), generator=generator)
        tables["semseg/miou"].append(metrics["semseg/miou"].count(prediction, label))
        vectors = torch.randn(2, 3, 8, 9, generator=generator)
        vectors[1] *= image > 0  # the first image has no normals
        tables["normals/merr"].append(metrics["normals/merr"].count(*vectors))
    arguments = {
        "name": name,
        "dataset": "set",
        "protocol": "astmt",
        "image_ids": list("abcdef"),
        "metrics": metrics,
        "tables": {key: torch.stack(rows) for key, rows in tables.items()},
        "headlines": list(metrics),
        "reference": {"semseg/miou": 20.0, "normals/merr": 80.0},
    }
    return Scores(**{**arguments, **changes})


def test_values_are_those_of_summed_counts():
    found = scores()
    metric = found.metrics["semseg/miou"]
    expected = metric.score(found.tables["semseg/miou"].sum(0)).item()
    assert found.value("semseg/miou") == expected
    interval = found.intervals["semseg/miou"]
    assert interval.value == expected
    assert interval.low < expected < interval.high


def test_images_without_a_label_have_no_score():
    found = scores()
    values = found.per_image("normals/merr")
    assert values[0] is None
    assert all(value is not None for value in values[1:])


def test_delta_m_is_that_of_the_values():
    found = scores()
    values = {key: torch.tensor(found.value(key), dtype=torch.float64) for key in found.headlines}
    better = {"semseg/miou": True, "normals/merr": False}
    assert found.value("delta_m") == pytest.approx(float(delta_m(values, found.reference, better)))
    interval = found.intervals["delta_m"]
    assert interval.low < interval.value < interval.high


def test_without_a_reference_there_is_no_delta_m():
    found = scores(reference={})
    assert found.value("delta_m") is None
    assert found.intervals["delta_m"] is None
    assert found.compare("delta_m", scores(1, reference={})) is None


def test_a_network_equals_itself():
    found = scores().compare("semseg/miou", scores(name="again"))
    assert found.difference.value == found.difference.low == found.difference.high == 0
    assert found.p_value == 1


def test_differences_have_their_sign():
    one, two = scores(0), scores(1, "two")
    for key in one.keys:
        found = one.compare(key, two)
        assert found.difference.value == pytest.approx(two.value(key) - one.value(key))
        assert 0 < found.p_value <= 1


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("dataset", "other"),
        ("protocol", "invpt"),
        ("order", "resize_first"),
        ("image_ids", list("abcdeg")),
    ],
)
def test_unlike_scores_are_not_compared(what, value):
    with pytest.raises(UserError, match=f"one and two were scored with different {what}"):
        scores().compare("semseg/miou", scores(1, "two", **{what: value}))


def test_published_rows_are_of_the_same_data_and_protocol():
    rows = published("pascal_context", "astmt")
    assert {row.name for row in rows} >= {"MTL-ViT", "ASE 16/3/1/4"}
    assert all(isinstance(row, Published) and row.source for row in rows)
    assert {key for row in rows for key in row.values} == {
        "semseg/miou",
        "human_parts/miou",
        "saliency/miou",
        "normals/merr",
        "edge/odsf",
        "delta_m",
    }
    assert all("saliency/maxf" in row.values for row in published("pascal_context", "invpt"))
    assert published("scenes", "astmt") == []


def test_delta_m_is_unknown_without_a_task_s_images():
    """As on a data set none of whose images are on the published list for edges."""
    found = scores(headlines=["semseg/miou", "normals/merr", "edge/odsf"])
    assert found.value("delta_m") is None
    assert found.intervals["delta_m"] is None
    assert found.compare("delta_m", found) is None
