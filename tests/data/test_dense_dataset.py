"""The reader: what a sample holds and depends on, and what it says of a wrong folder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.data import Augmentation, DenseDataset, Sample, collate_scoring, collate_training
from mtl_ase.data.labels import Edges, Label, Semseg
from tests.data.layout import write_image, write_label_map, write_palette_png, write_split

LABELS: dict[str, Label] = {"semseg": Semseg(), "edge": Edges()}
SOURCE, SIZE = (30, 40), (16, 16)
IDS = ["one", "two", "three"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images; the last one has no label."""
    write_split(tmp_path, "train", IDS)
    for seed, image_id in enumerate(IDS):
        write_image(tmp_path, image_id, SOURCE, seed)
    for image_id in IDS[:2]:
        ids = np.repeat([[3], [5]], 15, axis=0) * np.ones(40, int)
        write_palette_png(tmp_path / f"semseg/VOC12/{image_id}.png", ids)
        write_label_map(tmp_path, image_id, ids)
    return tmp_path


RECIPE = Augmentation(0.5, 20, (0.75, 1.25))


def training(root: Path, seed: int = 0) -> DenseDataset:
    return DenseDataset(root, "train", LABELS, SIZE, RECIPE, True, seed)


def scoring(root: Path, split: str = "train") -> DenseDataset:
    return DenseDataset(root, split, LABELS, SIZE, RECIPE)


def equal(first: Sample, second: Sample) -> bool:
    return torch.equal(first.image_CHW, second.image_CHW) and all(
        torch.equal(first.labels[name], second.labels[name]) for name in first.labels
    )


def test_a_scored_sample_has_a_resized_image_and_labels_in_their_own_size(root: Path) -> None:
    dataset = scoring(root)
    sample = dataset[0, 0]
    assert sample.image_id == "one"
    assert sample.image_CHW.dtype == torch.uint8
    assert sample.image_CHW.shape == (3, *SIZE)
    assert sample.labels["semseg"].shape == sample.labels["edge"].shape == SOURCE
    assert sample.labels["semseg"][0, 0] == 3
    assert (dataset[0, 2].labels["semseg"] == 255).all()
    assert equal(sample, dataset[7, 0]), "the epoch does not matter"


def test_colours_are_red_green_blue(root: Path) -> None:
    red = np.zeros((*SOURCE, 3), np.uint8)
    red[..., 2] = 255
    cv2.imwrite(str(root / "JPEGImages/one.jpg"), red)
    sample = scoring(root)[0, 0]
    box = sample.box
    assert box == (2, 0, 12, 16), "the aspect is kept"
    image = sample.image_CHW[:, box.top : box.top + box.height]
    assert image[0].min() > 240
    assert image[1:].max() < 15
    assert sample.image_CHW[:, : box.top].max() == 0


def test_a_training_sample_is_warped_as_a_whole(root: Path) -> None:
    """The boundary of the semseg map, which is the edge map, stays there under every warp."""
    dataset = training(root)
    for epoch in range(8):
        sample = dataset[epoch, 0]
        assert sample.image_CHW.shape == (3, *SIZE)
        semseg, edge = sample.labels["semseg"].numpy(), sample.labels["edge"].numpy()
        assert semseg.shape == edge.shape == SIZE
        near = np.ones((5, 5), np.uint8)
        boundary = cv2.dilate((semseg == 3).astype(np.uint8), near) & (semseg == 5)
        assert (edge == 1).any()
        assert cv2.dilate((edge == 1).astype(np.uint8), near)[boundary > 0].mean() > 0.95


def test_a_training_sample_depends_on_seed_epoch_and_index_alone(root: Path) -> None:
    samples = {(e, i): training(root)[e, i] for e in range(3) for i in range(3)}
    np.random.seed(5)
    torch.manual_seed(5)
    again = training(root)
    for key in reversed(samples):
        assert equal(again[key], samples[key])
    assert not equal(samples[0, 0], samples[1, 0])
    assert not equal(training(root, seed=1)[0, 0], samples[0, 0])


def test_training_batches_are_stacked(root: Path) -> None:
    batch = collate_training([training(root)[0, i] for i in range(3)])
    assert batch.image_ids == IDS
    assert batch.image_BCHW.shape == (3, 3, *SIZE)
    assert all(isinstance(label, torch.Tensor) for label in batch.labels.values())
    assert batch.labels["semseg"].shape == (3, *SIZE)


def test_scored_batches_keep_every_labels_size(root: Path) -> None:
    write_image(root, "three", (20, 24))
    dataset = scoring(root)
    batch = collate_scoring([dataset[0, i] for i in range(3)])
    assert batch.image_BCHW.shape == (3, 3, *SIZE)
    assert [tuple(label.shape) for label in batch.labels["edge"]] == [SOURCE, SOURCE, (20, 24)]


def test_coverage_and_fingerprint(root: Path) -> None:
    dataset = training(root)
    assert dataset.coverage() == {"semseg": 2, "edge": 2}
    before = dataset.fingerprint()
    assert before == DenseDataset(root, "train", {}, (8, 8), RECIPE).fingerprint()
    path = root / "JPEGImages/two.jpg"
    path.write_bytes(path.read_bytes() + b"0")
    assert dataset.fingerprint() != before


def test_a_missing_split_is_named(root: Path) -> None:
    with pytest.raises(UserError, match=r"Context/val\.txt is missing.*data\.root"):
        scoring(root, "val")


def test_an_empty_split_is_named(root: Path) -> None:
    write_split(root, "val", [])
    with pytest.raises(UserError, match=r"Context/val\.txt lists no images"):
        scoring(root, "val")


def test_a_listed_image_that_is_missing_is_named(root: Path) -> None:
    (root / "JPEGImages/two.jpg").unlink()
    with pytest.raises(UserError, match=r"two\.jpg is missing; restore"):
        training(root)[0, 1]
    with pytest.raises(UserError, match=r"two\.jpg is missing"):
        training(root).fingerprint()


def test_an_image_that_is_none_is_named(root: Path) -> None:
    (root / "JPEGImages/two.jpg").write_text("not a picture")
    with pytest.raises(UserError, match=r"two\.jpg can't be read"):
        training(root)[0, 1]
