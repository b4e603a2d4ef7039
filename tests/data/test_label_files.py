"""Files that are missing, of another size, or broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mtl_ase.base.errors import UserError
from mtl_ase.data.labels import HumanParts
from tests.data.layout import (
    LABELS,
    box,
    write_label_map,
    write_palette_png,
    write_parts,
    write_png,
)

SIZE = (8, 10)
HALF = box(SIZE, 0, 8, 0, 5)


def write_all(root: Path, size_hw: tuple[int, int] = SIZE) -> None:
    """Labels whose left half differs from the right."""
    half = box(size_hw, 0, size_hw[0], 0, size_hw[1] // 2)
    write_palette_png(root / "semseg/VOC12/a.png", np.where(half, 3, 0))
    write_parts(root, "a", [("person", 15, half, [("head", half)])])
    write_png(root / "sal_distill/a.png", np.where(half, 255, 0).astype(np.uint8))
    rgb = np.where(half[..., None], (255, 128, 128), (128, 128, 255)).astype(np.uint8)
    write_png(root / "normals_distill/a.png", rgb)
    write_label_map(root, "a", np.where(half, 284, 360))


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("truth", [False, True])
def test_a_missing_file_is_ignored_everywhere(tmp_path: Path, name: str, truth: bool) -> None:
    label = LABELS[name].read(tmp_path, "a", SIZE, truth)
    assert LABELS[name].find(tmp_path, "a") is None
    assert label.shape[:2] == SIZE
    assert (label == (0 if name == "normals" else 255)).all()
    assert label.dtype == (np.float32 if name == "normals" else np.uint8)
    assert label.ndim == (3 if name == "normals" else 2)


@pytest.mark.parametrize("name", LABELS)
def test_a_label_of_another_size_takes_the_images_size(tmp_path: Path, name: str) -> None:
    write_all(tmp_path, (16, 20))
    label = LABELS[name].read(tmp_path, "a", SIZE, truth=True)
    assert label.shape[:2] == SIZE
    if name == "edge":
        assert label[:, 3:6].any()
    else:
        assert (label[:, :5] == label[0, 0]).all()
        assert (label[:, 5:] == label[0, -1]).all()
        assert (label[0, 0] != label[0, -1]).any()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_text(path: Path) -> None:
    path.write_text("not what its name says " * 20)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def rename_variable(path: Path) -> None:
    savemat(path, {"something": np.zeros(SIZE)})


@pytest.mark.parametrize("damage", [truncate, write_text, empty])
@pytest.mark.parametrize("name", LABELS)
def test_a_broken_file_is_named(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    write_all(tmp_path)
    path = LABELS[name].find(tmp_path, "a")
    assert path is not None
    damage(path)
    with pytest.raises(UserError) as caught:
        LABELS[name].read(tmp_path, "a", SIZE, truth=True)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["human_parts", "edge"])
def test_a_matlab_file_without_the_variable_is_named(tmp_path: Path, name: str) -> None:
    write_all(tmp_path)
    path = LABELS[name].find(tmp_path, "a")
    assert path is not None
    rename_variable(path)
    with pytest.raises(UserError, match=r"a\.mat lacks the variable"):
        LABELS[name].read(tmp_path, "a", SIZE, truth=True)


def test_an_unknown_part_of_a_person_is_named(tmp_path: Path) -> None:
    write_parts(tmp_path, "a", [("person", 15, HALF, [("tentacle", HALF)])])
    with pytest.raises(UserError, match=r"human_parts/a\.mat.*tentacle"):
        HumanParts().read(tmp_path, "a", SIZE, truth=True)
