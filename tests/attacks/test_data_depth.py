"""Depth and class maps of NYUD that are none: one sentence, or unlabelled; see docs/security."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtl_ase.base.errors import BadFile
from mtl_ase.data import Augmentation, DenseDataset, FolderLayout
from mtl_ase.data.labels import Label, NYUDDepth, NYUDSemseg
from mtl_ase.data.verification import verify
from tests.data.layout import (
    write_png,
)

SIZE = (24, 32)
HALF = np.tile(np.arange(32) < 16, (24, 1))
DEPTH = FolderLayout("images/{}.png", "gt_sets/{}.txt")


def huge_npy() -> bytes:
    """A numpy file of 200 bytes that claims 728 TiB."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000, 10000000), }\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, a=np.ones(SIZE))
    return stream.getvalue()


NOT_FINITE, NO_MAP, NO_NPY = "not finite", "holds no map of numbers", "can't be read as a numpy"
METRES: dict[str, tuple[Callable[[], bytes], str]] = {
    "nan": (lambda: npy(np.full(SIZE, np.nan)), NOT_FINITE),
    "infinite": (lambda: npy(np.full(SIZE, np.inf)), NOT_FINITE),
    "one-nan": (lambda: npy(np.where(HALF, np.nan, 1.0)), NOT_FINITE),
    "beyond-float32": (lambda: npy(np.full(SIZE, 1e300)), NOT_FINITE),
    "negative": (lambda: npy(np.full(SIZE, -1.0)), "negative"),
    "zero-size": (lambda: npy(np.zeros((0, 0))), NO_MAP),
    "zero-rows": (lambda: npy(np.zeros((0, 5))), NO_MAP),
    "complex": (lambda: npy(np.ones(SIZE, complex)), NO_MAP),
    "text": (lambda: npy(np.array([["a"]])), NO_MAP),
    "four-axes": (lambda: npy(np.ones((3, 3, 1, 1))), NO_MAP),
    "archive-of-arrays": (npz, NO_MAP),
    "cut-off": (lambda: npy(np.ones(SIZE))[:300], NO_NPY),
    "empty": (lambda: b"", NO_NPY),
    "728-tebibytes": (huge_npy, NO_NPY),
}


@pytest.mark.parametrize(("content", "said"), METRES.values(), ids=METRES)
def test_a_wrong_depth_is_named(tmp_path: Path, content: Callable[[], bytes], said: str) -> None:
    labels: dict[str, Label] = {"depth": NYUDDepth()}
    (tmp_path / "depth").mkdir()
    (tmp_path / "gt_sets").mkdir()
    (tmp_path / "gt_sets/train.txt").write_text("a\n")
    write_png(tmp_path / "images/a.png", np.zeros((*SIZE, 3), np.uint8))
    (tmp_path / "depth/a.npy").write_bytes(content())
    recipe = Augmentation(0, 0, (1, 1))
    for training in (True, False):
        strict, lenient = (
            DenseDataset(tmp_path, "train", labels, SIZE, recipe, training, 0, DEPTH, None, policy)  # type: ignore[arg-type]
            for policy in ("raise", "skip")
        )
        with pytest.raises(BadFile, match=said):
            strict[0, 0]
        skipped = lenient[0, 0]
        assert len(skipped.problems) == 1
        assert not skipped.labels["depth"].any()
    assert len(verify(tmp_path, "x", DEPTH, labels, ["train"], workers=1).problems) == 1


def test_nyud_ids_out_of_range_are_named(tmp_path: Path) -> None:
    for stored, said in ((41, "40"), (255, "254")):
        write_png(tmp_path / "segmentation/a.png", np.full(SIZE, stored, np.uint8))
        with pytest.raises(BadFile, match=rf"values {said} are no classes"):
            NYUDSemseg().read_stored(tmp_path, "a", truth=True)
