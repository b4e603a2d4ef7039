"""Surface normals, from files written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mtl_ase.data.labels import Normals, facts, normals
from tests.data.layout import read_target, write_label_map, write_png

SIZE = (20, 24)


def some_bytes() -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    pixels[:4] = 128  # no normal
    return pixels


def read(root: Path, valid_everywhere: bool) -> np.ndarray:
    return read_target(Normals(valid_everywhere), root, "a", SIZE, truth=True)


def test_bytes_decode_to_unit_vectors(tmp_path: Path) -> None:
    write_png(tmp_path / "normals_distill/a.png", some_bytes())
    label = read(tmp_path, valid_everywhere=True)
    assert label.dtype == np.float32
    raw = 2.0 * some_bytes() / 255 - 1
    length = np.linalg.norm(raw, axis=-1, keepdims=True)
    assert np.allclose(label, np.where(length > 0.5, raw / length, 0), atol=1e-6)
    lengths = np.linalg.norm(label, axis=-1)
    assert np.allclose(lengths[lengths > 0], 1, atol=1e-6)
    assert (lengths[:4] == 0).all()


def test_red_green_blue_are_right_down_and_towards_the_viewer(tmp_path: Path) -> None:
    pixels = np.full((*SIZE, 3), 128, np.uint8)
    for channel in range(3):
        pixels[:, 8 * channel : 8 * channel + 8, channel] = 255
    write_png(tmp_path / "normals_distill/a.png", pixels)
    label = read(tmp_path, valid_everywhere=True)
    assert np.allclose(label[:, [0, 8, 16]], np.eye(3), atol=0.01)


def test_distilled_normals_count_on_the_trusted_classes_only(tmp_path: Path) -> None:
    write_png(tmp_path / "normals_distill/a.png", np.full((*SIZE, 3), (128, 128, 255), np.uint8))
    label_map = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 460
    write_label_map(tmp_path, "a", label_map)
    valid = np.linalg.norm(read(tmp_path, valid_everywhere=False), axis=-1) > 0
    trusted = facts.FACTS["normals_valid_label_ids"]
    assert len(set(trusted)) == 170
    assert (valid == np.isin(label_map, trusted)).all()
    assert np.linalg.norm(read(tmp_path, valid_everywhere=True), axis=-1).all()
    person, sky, grass = 284, 360, 187
    assert person in trusted
    assert not {sky, grass, 431} & set(trusted)


def test_without_a_label_map_no_distilled_normal_is_trusted(tmp_path: Path) -> None:
    write_png(tmp_path / "normals_distill/a.png", some_bytes())
    assert not read(tmp_path, valid_everywhere=False).any()


def test_a_label_map_of_another_size_is_resized(tmp_path: Path) -> None:
    write_png(tmp_path / "normals_distill/a.png", np.full((*SIZE, 3), (128, 128, 255), np.uint8))
    write_label_map(tmp_path, "a", np.array([[284, 360]]))
    valid = read(tmp_path, valid_everywhere=False).any(-1)
    assert valid[:, :12].all()
    assert not valid[:, 12:].any()


def test_resized_normals_stay_unit_vectors(tmp_path: Path) -> None:
    write_png(tmp_path / "normals_distill/a.png", some_bytes())
    label = read_target(Normals(valid_everywhere=True), tmp_path, "a", (33, 50), truth=False)
    lengths = np.linalg.norm(label, axis=-1)
    assert label.shape == (33, 50, 3)
    assert (np.isclose(lengths, 1, atol=1e-5) | (lengths == 0)).all()


def test_the_facts_are_the_published_ones() -> None:
    path = Path(__file__).parents[3] / "shared/data/pascal_context_facts/facts.json"
    if not path.is_file():
        pytest.skip("the facts of PASCAL-Context are not here")
    published = json.loads(path.read_text())
    key = next(k for k, v in published.items() if isinstance(v, list) and len(v) == 170)
    assert sorted(published[key]) == sorted(normals.VALID_LABEL_IDS)
