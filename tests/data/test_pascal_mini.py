"""The reader on real files of PASCAL-Context, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mtl_ase.data import Augmentation, DenseDataset
from mtl_ase.data.labels import Edges, HumanParts, Label, Normals, Saliency, Semseg

PASCAL_MINI = Path(__file__).parents[3] / "shared" / "data" / "pascal_mini"
RECIPE = Augmentation(0.5, 20, (0.75, 1.25))
LABELS: dict[str, Label] = {
    "semseg": Semseg(),
    "human_parts": HumanParts(),
    "saliency": Saliency(),
    "normals": Normals(),
    "edge": Edges(),
}
RANGES = {
    "semseg": {*range(21), 255},
    "human_parts": {*range(7), 255},
    "saliency": {0, 1, 255},
    "edge": {0, 1, 255},
}
pytestmark = pytest.mark.skipif(not PASCAL_MINI.is_dir(), reason="PASCAL_MINI is not here")


@pytest.mark.parametrize(("split", "images"), [("train", 249), ("val", 109)])
def test_coverage_is_what_lies_there(split: str, images: int) -> None:
    dataset = DenseDataset(PASCAL_MINI, split, LABELS, (64, 64), RECIPE)
    assert len(dataset) == images
    assert dataset.coverage() == {
        "semseg": images,
        "human_parts": 9,
        "saliency": images,
        "normals": 0,
        "edge": images,
    }


@pytest.mark.parametrize("training", [False, True])
def test_every_label_is_in_range_and_in_size(training: bool) -> None:
    dataset = DenseDataset(PASCAL_MINI, "val", LABELS, (96, 96), RECIPE, training)
    with_parts = [
        index
        for index, image_id in enumerate(dataset.image_ids)
        if LABELS["human_parts"].find(PASCAL_MINI, image_id)
    ]
    kinds_of_parts = set()
    for index in sorted({*range(0, len(dataset), 6), *with_parts}):
        sample = dataset[0, index]
        assert sample.image_CHW.dtype == torch.uint8
        assert sample.image_CHW.shape == (3, 96, 96)
        for name, allowed in RANGES.items():
            label = sample.labels[name]
            assert set(np.unique(label)) <= allowed
            assert label.shape == (sample.labels["semseg"].shape if not training else (96, 96))
        assert sample.labels["normals"].shape == (3, *sample.labels["semseg"].shape)
        assert not sample.labels["normals"].any()
        assert (sample.labels["edge"] == 1).any() or (sample.labels["edge"] == 0).any()
        kinds_of_parts |= set(np.unique(sample.labels["human_parts"]))
    assert kinds_of_parts >= {0, 1, 2, 255}
