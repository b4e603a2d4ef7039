"""Predictions of other frameworks: what files mean, and which are refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mtl_ase.base.errors import UserError
from mtl_ase.evaluation import PredictionFiles

SIZE = (6, 9)


@pytest.fixture
def folder(tmp_path: Path, tasks) -> Path:
    for name in tasks:
        (tmp_path / name).mkdir()
    return tmp_path


def test_pngs_mean_what_the_lineage_writes(folder, tasks):
    rng = np.random.default_rng(0)
    files = PredictionFiles(folder, tasks)
    ids = rng.integers(0, 21, SIZE).astype(np.uint8)
    palette = Image.fromarray(ids)
    palette.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tolist())
    palette.save(folder / "semseg/a.png")
    assert torch.equal(files.read("semseg", "a", SIZE), torch.from_numpy(ids.astype(np.int64)))
    levels = rng.integers(0, 256, SIZE).astype(np.uint8)
    cv2.imwrite(str(folder / "edge/a.png"), levels)
    torch.testing.assert_close(
        files.read("edge", "a", SIZE), torch.from_numpy(levels / 255).float()
    )
    bytes_HWC = rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    cv2.imwrite(str(folder / "normals/a.png"), bytes_HWC[..., ::-1])
    expected = torch.from_numpy(bytes_HWC.transpose(2, 0, 1) * 2.0 / 255 - 1).float()
    torch.testing.assert_close(files.read("normals", "a", SIZE), expected)


def test_numpy_files_are_taken_as_they_are(folder, tasks):
    rng = np.random.default_rng(0)
    files = PredictionFiles(folder, tasks)
    ids = rng.integers(0, 21, SIZE).astype(np.int16)
    probability, vectors = rng.random(SIZE), rng.random((*SIZE, 3)).astype(np.float32)
    for name, array in (("semseg", ids), ("saliency", probability), ("normals", vectors)):
        np.save(folder / name / "a.npy", array)
    assert files.read("semseg", "a", SIZE).dtype == torch.int64
    assert files.read("saliency", "a", SIZE).dtype == torch.float32
    torch.testing.assert_close(
        files.read("normals", "a", SIZE), torch.from_numpy(vectors.transpose(2, 0, 1).copy())
    )


def test_what_can_not_be_scored_is_named(folder, tasks):
    files = PredictionFiles(folder, tasks)
    with pytest.raises(UserError, match=r"a\.png \(or \.npy\) is missing"):
        files.read("edge", "a", SIZE)
    cv2.imwrite(str(folder / "edge/a.png"), np.zeros((3, 3), np.uint8))
    with pytest.raises(UserError, match=r"a\.png is 3 x 3, but its label is 9 x 6"):
        files.read("edge", "a", SIZE)
    (folder / "edge/a.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"a\.png can't be read"):
        files.read("edge", "a", SIZE)
    np.save(folder / "saliency/a.npy", np.full(SIZE, np.nan))
    with pytest.raises(UserError, match=r"a\.npy holds numbers that are not finite"):
        files.read("saliency", "a", SIZE)
    np.save(folder / "saliency/a.npy", np.full((1, *SIZE, 1), 0.5))
    with pytest.raises(UserError, match=r"a\.npy holds no map of numbers"):
        files.read("saliency", "a", SIZE)
    (folder / "normals/a.npy").write_bytes(b"\x93NUMPY nothing")
    with pytest.raises(UserError, match=r"a\.npy can't be read as a numpy file"):
        files.read("normals", "a", SIZE)
    cv2.imwrite(str(folder / "semseg/a.png"), np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(UserError, match="3 channels where ids need one"):
        files.read("semseg", "a", SIZE)


def test_a_task_without_a_folder_is_named(tmp_path, tasks):
    with pytest.raises(UserError, match="holds no folder semseg"):
        PredictionFiles(tmp_path, tasks)
