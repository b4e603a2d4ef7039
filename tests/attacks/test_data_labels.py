"""Label files of every wrong kind: one sentence, or unlabelled under skip; see docs/security."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from PIL import Image
from scipy.io import savemat

from mtl_ase.base.errors import BadFile
from mtl_ase.data import Augmentation, DenseDataset, Sample
from mtl_ase.data.labels.files import read_png_ids
from mtl_ase.data.layout import PASCAL_MT
from mtl_ase.data.pack import build_pack
from mtl_ase.data.verification import verify
from tests.attacks.odd_images import (
    NO_FILES,
    check_damaged_bytes,
    encoded,
    grey_png,
    replace_by,
)
from tests.data.layout import (
    LABELS,
    write_image,
    write_label_map,
    write_palette_png,
    write_parts,
    write_png,
    write_split,
)

SIZE = (24, 32)
HALF = np.tile(np.arange(32) < 16, (24, 1))
ID = "bad"
PATHS = {
    "semseg": f"semseg/VOC12/{ID}.png",
    "human_parts": f"human_parts/{ID}.mat",
    "saliency": f"sal_distill/{ID}.png",
    "normals": f"normals_distill/{ID}.png",
    "edge": f"pascal-context/trainval/{ID}.mat",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One image with all labels; the test puts another file in the place of one."""
    write_split(tmp_path, "train", [ID])
    write_image(tmp_path, ID, SIZE)
    write_palette_png(tmp_path / PATHS["semseg"], np.where(HALF, 3, 0))
    write_parts(tmp_path, ID, [("person", 15, HALF, [("head", HALF)])])
    write_png(tmp_path / PATHS["saliency"], np.where(HALF, 255, 0).astype(np.uint8))
    rgb = np.where(HALF[..., None], (255, 128, 128), (128, 128, 255)).astype(np.uint8)
    write_png(tmp_path / PATHS["normals"], rgb)
    write_label_map(tmp_path, ID, np.where(HALF, 284, 360))
    return tmp_path


def sample(root: Path, training: bool, policy: str = "raise") -> Sample:
    recipe = Augmentation(0.5, 20, (0.75, 1.25))
    split = DenseDataset(root, "train", LABELS, SIZE, recipe, training, on_bad_sample=policy)  # type: ignore[arg-type]
    return split[0, 0]


def unlabelled(found: Sample) -> set[str]:
    nothing = {name: label.ignored_target((1, 1)).flat[0] for name, label in LABELS.items()}
    return {name for name, label in found.labels.items() if (label == nothing[name]).all()}


def is_named_and_skipped(root: Path, task: str, said: str) -> bool:
    """Raised in one sentence, unlabelled under skip, reported, and no reason to pack nothing."""
    path = root / PATHS[task]
    for training in (True, False):
        with pytest.raises(BadFile, match=said) as caught:
            sample(root, training)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        skipped = sample(root, training, "skip")
        assert skipped.image_CHW.any()
        assert unlabelled(skipped) == {task}
        assert skipped.problems == (str(caught.value),)
    report = verify(root, "x", PASCAL_MT, LABELS, ["train"], workers=1)
    assert len(report.problems) == 1
    assert str(path) in report.problems[0]
    with pytest.raises(BadFile, match=said):
        build_pack(root / "packs/strict", root, [ID], LABELS, 1)
    pack = build_pack(root / "packs/lenient", root, [ID], LABELS, 1, skip_bad=True)
    return pack.read(task, 0) is None and len(pack.skipped) == 1


IDS = np.where(HALF, 3, 0).astype(np.uint8)
GARBAGE = np.random.default_rng(0).bytes(500)
PIXELS: dict[str, tuple[str, bytes, str]] = {
    "semseg-empty": ("semseg", b"", "can't be read as an image"),
    "semseg-garbage": ("semseg", GARBAGE, "can't be read as an image"),
    "semseg-bomb": ("semseg", grey_png(60_000, 60_000, b"\0"), "more than 89478485 pixels"),
    "semseg-grey-and-alpha": (
        "semseg",
        encoded(Image.fromarray(np.dstack([IDS, IDS])), "PNG"),
        "has 2 channels where ids need one",
    ),
    "semseg-jpeg-named-png": ("semseg", encoded(Image.fromarray(IDS)), "can't be read as an image"),
    "semseg-gif-named-png": (
        "semseg",
        encoded(Image.fromarray(IDS), "GIF"),
        "can't be read as an image",
    ),
    "semseg-float-tiff-named-png": (
        "semseg",
        encoded(Image.fromarray(IDS.astype(np.float32)), "TIFF"),
        "can't be read as an image",
    ),
    "semseg-254": ("semseg", encoded(Image.fromarray(IDS + 251), "PNG"), "values 251, 254 are no"),
    "saliency-garbage": ("saliency", GARBAGE, "can't be read as an image"),
    "saliency-bomb": ("saliency", grey_png(60_000, 60_000, b"\0"), "more than 89478485 pixels"),
    "saliency-too-few-rows": ("saliency", grey_png(32, 24, b"\0" * 99), "can't be read as an"),
    "normals-cut-off": ("normals", encoded(Image.fromarray(IDS), "PNG")[:-20], "can't be read as"),
}


@pytest.mark.parametrize(("task", "content", "said"), PIXELS.values(), ids=PIXELS)
def test_a_wrong_picture_is_named(root: Path, task: str, content: bytes, said: str) -> None:
    (root / PATHS[task]).write_bytes(content)
    assert is_named_and_skipped(root, task, said)


def test_any_damaged_byte_of_class_ids_is_noticed(tmp_path: Path) -> None:
    """Pillow alone passes over damaged pixels: their checksum is compared here."""
    path = tmp_path / "ids.png"
    blocks = np.random.default_rng(0).integers(0, 20, (6, 8)).astype(np.uint8)
    content = encoded(Image.fromarray(blocks.repeat(8, 0).repeat(8, 1)), "PNG")
    check_damaged_bytes(path, content, read_png_ids)


def test_ids_of_one_bit_are_ids(root: Path) -> None:
    (root / PATHS["semseg"]).write_bytes(encoded(Image.fromarray(HALF), "PNG"))
    assert sample(root, training=False).labels["semseg"].unique().tolist() == [0, 1]


@pytest.mark.parametrize("task", ["saliency", "normals"])
def test_a_16_bit_map_means_what_its_8_bit_one_does(root: Path, task: str) -> None:
    import cv2

    path = root / PATHS[task]
    expected = sample(root, training=False).labels[task]
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert cv2.imwrite(str(path), pixels.astype(np.uint16) * 257)
    assert (sample(root, training=False).labels[task] == expected).all()


HDF5 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + b"\0" * 384
WITH_V73 = HDF5 + b"\x89HDF\r\n\x1a\n" + b"\0" * 500
NUMBERS: dict[str, tuple[Any, str]] = {
    "version-7.3": (WITH_V73, r"is of version 7\.3, HDF5.*option -v7"),
    "empty-file": (b"", "can't be read as a MATLAB file"),
    "garbage": (GARBAGE, "can't be read as a MATLAB file"),
    "another-variable": ({"labelmap": IDS}, "lacks the variable 'LabelMap'"),
    "zero-size": ({"LabelMap": np.zeros((0, 0))}, "holds no map of numbers"),
    "three-axes": ({"LabelMap": np.zeros((4, 4, 3))}, "holds no map of numbers"),
    "text": ({"LabelMap": "hello"}, "holds no map of numbers"),
    "struct": ({"LabelMap": {"a": 1}}, "holds no map of numbers"),
    "cells": ({"LabelMap": np.array([[1, "a"]], object)}, "holds no map of numbers"),
    "sparse": ({"LabelMap": scipy.sparse.csc_matrix(np.eye(4))}, "holds no map of numbers"),
    "complex": ({"LabelMap": np.full(SIZE, 1 + 1j)}, "holds no map of numbers"),
    "nan": ({"LabelMap": np.full(SIZE, np.nan)}, "values that are no ids"),
    "infinite": ({"LabelMap": np.full(SIZE, np.inf)}, "values that are no ids"),
    "negative": ({"LabelMap": np.full(SIZE, -1)}, "values that are no ids"),
    "fractions": ({"LabelMap": np.full(SIZE, 1.5)}, "values that are no ids"),
    "70000": ({"LabelMap": np.full(SIZE, 70_000)}, "values that are no ids"),
}


def write_mat(path: Path, content: bytes | dict[str, Any]) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        savemat(path, content)


@pytest.mark.parametrize(("content", "said"), NUMBERS.values(), ids=NUMBERS)
def test_a_wrong_label_map_is_named(root: Path, content: Any, said: str) -> None:
    write_mat(root / PATHS["edge"], content)
    assert is_named_and_skipped(root, "edge", said)


def anno(**thing: Any) -> dict[str, Any]:
    return {"anno": {"objects": {"mask": IDS, "class_ind": 15, **thing}}}


PARTS: dict[str, tuple[dict[str, Any], str]] = {
    "number": ({"anno": 5}, "holds no Pascal-Part annotation"),
    "empty": ({"anno": np.zeros((0, 0))}, "holds no Pascal-Part annotation"),
    "no-objects": ({"anno": {"x": 1}}, "holds no Pascal-Part annotation"),
    "objects-are-numbers": ({"anno": {"objects": 7}}, "holds no Pascal-Part annotation"),
    "part-without-name": (anno(parts={"mask": IDS}), "holds no Pascal-Part annotation"),
    "unknown-part": (anno(parts={"part_name": "wing", "mask": IDS}), "unknown part 'wing'"),
    "mask-of-another-size": (
        anno(parts={"part_name": "head", "mask": np.ones((3, 3))}),
        "holds no Pascal-Part annotation",
    ),
    "mask-is-text": (anno(mask="ab", parts={"part_name": "head", "mask": "ab"}), "Pascal-Part"),
    "mask-of-size-zero": (
        anno(mask=np.zeros((0, 0)), parts=np.zeros((0, 0))),
        "holds no map of parts",
    ),
    "class-is-text": (anno(class_ind="x", parts=np.zeros((0, 0))), "Pascal-Part"),
}


@pytest.mark.parametrize(("content", "said"), PARTS.values(), ids=PARTS)
def test_a_wrong_annotation_of_parts_is_named(
    root: Path, content: dict[str, Any], said: str
) -> None:
    savemat(root / PATHS["human_parts"], content)
    assert is_named_and_skipped(root, "human_parts", said)


@pytest.mark.parametrize("task", LABELS)
@pytest.mark.parametrize("thing", NO_FILES)
def test_a_label_that_is_no_file_is_named(root: Path, task: str, thing: str) -> None:
    """It is not taken for a missing one, which would be no label without a word."""
    replace_by(root / PATHS[task], thing)
    assert is_named_and_skipped(root, task, NO_FILES[thing])
    recipe = Augmentation(0, 0, (1, 1))
    lenient = DenseDataset(root, "train", LABELS, SIZE, recipe, on_bad_sample="skip")
    assert lenient.coverage() == {name: int(name != task) for name in LABELS}


def test_a_label_of_another_size_takes_the_images(root: Path) -> None:
    write_palette_png(root / PATHS["semseg"], np.where(np.arange(40_000) < 20_000, 3, 0)[None])
    found = sample(root, training=False).labels["semseg"]
    assert (found.numpy() == IDS).all()
    report = verify(root, "x", PASCAL_MT, LABELS, ["train"], workers=1)
    assert report.problems == [
        f"{root / PATHS['semseg']} is 40000 x 1, but its image is {SIZE[1]} x {SIZE[0]}."
    ]


def test_an_id_longer_than_a_file_name_is_named_and_skipped(root: Path) -> None:
    write_split(root, "train", ["x" * 300])
    with pytest.raises(BadFile, match="File name too long"):
        sample(root, training=True)
    skipped = sample(root, training=True, policy="skip")
    assert len(skipped.problems) == 1 + len(LABELS)
    assert unlabelled(skipped) == set(LABELS)
