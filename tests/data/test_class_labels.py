"""Semantic segmentation, human parts and saliency, from files written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.data.labels import HumanParts, Saliency, Semseg
from tests.data.layout import Part, box, write_palette_png, write_parts, write_png

SIZE = (12, 16)
EVERYWHERE = np.ones(SIZE, bool)
MERGED = {
    1: "hair head lear rear lebrow rebrow leye reye mouth nose",
    2: "neck torso",
    3: "luarm ruarm",
    4: "llarm rlarm lhand rhand",
    5: "luleg ruleg",
    6: "llleg rlleg lfoot rfoot",
}


def some_ids(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([0, 1, 15, 20, 255], SIZE).astype(np.uint8)


def test_semseg_is_the_palette_index_and_keeps_255(tmp_path: Path) -> None:
    ids = some_ids()
    write_palette_png(tmp_path / "semseg/VOC12/a.png", ids)
    label = Semseg().read(tmp_path, "a", SIZE, truth=True)
    assert label.dtype == np.uint8
    assert (label == ids).all()


def test_semseg_of_voc12_goes_before_that_of_pascal_context(tmp_path: Path) -> None:
    write_png(tmp_path / "semseg/pascal-context/a.png", some_ids(1))
    assert (Semseg().read(tmp_path, "a", SIZE, truth=False) == some_ids(1)).all()
    write_palette_png(tmp_path / "semseg/VOC12/a.png", some_ids(2))
    assert (Semseg().read(tmp_path, "a", SIZE, truth=False) == some_ids(2)).all()


def test_semseg_of_three_channels_is_refused(tmp_path: Path) -> None:
    write_png(tmp_path / "semseg/VOC12/a.png", np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(UserError, match=r"VOC12/a\.png has 3 channels"):
        Semseg().read(tmp_path, "a", SIZE, truth=True)


def test_saliency_is_over_one_half(tmp_path: Path) -> None:
    write_png(tmp_path / "sal_distill/a.png", np.array([[0, 127, 128, 255]], np.uint8))
    label = Saliency().read(tmp_path, "a", (1, 4), truth=True)
    assert label.dtype == np.uint8
    assert label.tolist() == [[0, 0, 1, 1]]


def read_parts(root: Path) -> np.ndarray:
    return HumanParts().read(root, "a", SIZE, truth=True)


@pytest.mark.parametrize(("part", "names"), MERGED.items())
def test_every_part_name_is_merged(tmp_path: Path, part: int, names: str) -> None:
    for column, name in enumerate(names.split()):
        mask = box(SIZE, 3, 6, column, column + 1)
        write_parts(tmp_path, "a", [("person", 15, EVERYWHERE, [(name, mask)])])
        label = read_parts(tmp_path)
        assert label.dtype == np.uint8
        assert (label == np.where(mask, part, 0)).all(), name


def test_later_paint_lies_over_earlier_paint(tmp_path: Path) -> None:
    torso, arm, head = box(SIZE, 0, 8, 0, 8), box(SIZE, 4, 10, 0, 8), box(SIZE, 6, 12, 4, 16)
    first: list[Part] = [("torso", torso), ("luarm", arm)]
    write_parts(
        tmp_path, "a", [("person", 15, EVERYWHERE, first), ("person", 15, head, [("head", head)])]
    )
    expected = np.zeros(SIZE, np.uint8)
    for mask, part in ((torso, 2), (arm, 3), (head, 1)):
        expected[mask] = part
    assert (read_parts(tmp_path) == expected).all()


def test_only_persons_are_painted(tmp_path: Path) -> None:
    head = box(SIZE, 0, 4, 0, 4)
    dog = ("dog", 12, EVERYWHERE, [("head", EVERYWHERE), ("muzzle", EVERYWHERE)])
    write_parts(tmp_path, "a", [dog, ("person", 15, head, [("head", head)]), dog])
    assert (read_parts(tmp_path) == head).all()


@pytest.mark.parametrize(
    "things",
    [
        [],
        [("person", 15, EVERYWHERE, [])],
        [("dog", 12, EVERYWHERE, [("head", EVERYWHERE)])],
        [("person", 15, EVERYWHERE, [("head", np.zeros(SIZE, bool))])],
    ],
    ids=["no object", "person without parts", "dog", "empty part"],
)
def test_an_image_without_any_part_is_ignored(tmp_path: Path, things: list) -> None:
    write_parts(tmp_path, "a", things)
    label = read_parts(tmp_path)
    assert label.shape == SIZE
    assert (label == 255).all()
