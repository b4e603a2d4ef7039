"""Achievement takes the single-task results that delta_m is compared with."""

from __future__ import annotations

import pytest
from hydra.errors import InstantiationException

VALUES = (
    "training.reference.values={semseg/miou:60,human_parts/miou:50,saliency/miou:70,"
    "normals/merr:20,edge/odsf:50}"
)


def test_achievement_takes_the_reference_of_delta_m(tiny_module):
    module = tiny_module("balance=achievement", VALUES)
    scores = dict.fromkeys(module.scorer.metrics, 10.0)
    module.balance.end_validation(scores, module.scorer.higher_is_better())
    potentials = {"semseg": 63.0, "human_parts": 52.5, "saliency": 73.5, "edge": 52.5}
    expected = {name: (1 - 10 / p) ** 2 for name, p in potentials.items()} | {"normals": 0.0}
    raw = dict(zip(module.tasks, module.balance.raw_T.tolist(), strict=True))
    assert raw == pytest.approx(expected)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("~reference",), "there are none; choose some with reference=NAME"),
        (("reference=paper_stl_resnet18",), "is of data set pascal_context, not scenes"),
        (("tasks=[semseg,depth]",), "has none above 0 of depth"),
    ],
)
def test_achievement_needs_a_reference(tiny_module, overrides, message):
    with pytest.raises(InstantiationException, match=message):
        tiny_module("balance=achievement", *overrides)
