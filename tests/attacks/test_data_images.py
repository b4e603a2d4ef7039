"""Images of every odd kind: read right, or named in one sentence and skipped; see docs/security."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mtl_ase.base.errors import BadFile
from mtl_ase.data import Augmentation, DenseDataset, Sample
from mtl_ase.data.image_files import LONGEST_SIDE, open_image, read_image
from mtl_ase.data.labels import Edges, Label, Semseg
from mtl_ase.data.layout import PASCAL_MT
from mtl_ase.data.verification import verify
from tests.attacks.odd_images import (
    NO_FILES,
    check_damaged_bytes,
    encoded,
    grey_png,
    replace_by,
)
from tests.data.layout import write_image, write_label_map, write_palette_png, write_split

LABELS: dict[str, Label] = {"semseg": Semseg(), "edge": Edges()}
HEIGHT, WIDTH = 32, 48
X_HW, Y_HW = np.meshgrid(np.linspace(0, 255, WIDTH), np.linspace(0, 255, HEIGHT))
PICTURE = np.dstack([X_HW, Y_HW, np.full_like(X_HW, 90)]).astype(np.uint8)
"""Red grows to the right and green downwards, so that a turned picture is another one."""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The second of two images with labels; the test puts another one in its place."""
    write_split(tmp_path, "train", ["one", "two"])
    for image_id in ("one", "two"):
        write_image(tmp_path, image_id, (HEIGHT, WIDTH))
        ids = np.full((HEIGHT, WIDTH), 3)
        ids[:, 20:] = 7
        write_palette_png(tmp_path / f"semseg/VOC12/{image_id}.png", ids)
        write_label_map(tmp_path, image_id, ids)
    return tmp_path / "JPEGImages/two.jpg"


def sample(image: Path, training: bool, policy: str = "raise") -> Sample:
    recipe = Augmentation(0.5, 20, (0.75, 1.25))
    root = image.parents[1]
    return DenseDataset(root, "train", LABELS, (32, 32), recipe, training, on_bad_sample=policy)[
        0, 1
    ]  # type: ignore[arg-type]


def is_named_and_skipped(image: Path, said: str) -> bool:
    """Raised in one sentence, skipped as black and unlabelled, and reported by verification."""
    for training in (True, False):
        with pytest.raises(BadFile, match=said) as caught:
            sample(image, training)
        assert str(image) in str(caught.value)
        assert "\n" not in str(caught.value)
        skipped = sample(image, training, "skip")
        assert not skipped.image_CHW.any()
        assert all((label == 255).all() for label in skipped.labels.values())
        assert skipped.problems == (str(caught.value),)
    report = verify(image.parents[1], "x", PASCAL_MT, LABELS, ["train"], workers=1)
    return report.problems == [str(caught.value)]


DEEP = cv2.imencode(".png", PICTURE[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
TURNED = Image.Exif()
TURNED[0x112] = 6
READABLE: dict[str, bytes] = {
    "16-bit-png": DEEP,
    "alpha": encoded(Image.fromarray(np.dstack([PICTURE, PICTURE[..., 0]])), "PNG"),
    "cmyk": encoded(Image.fromarray(PICTURE).convert("CMYK"), quality=95, subsampling=0),
    "exif-turned": encoded(Image.fromarray(PICTURE), exif=TURNED, quality=95, subsampling=0),
    "progressive": encoded(Image.fromarray(PICTURE), progressive=True, quality=95, subsampling=0),
    "interlaced-palette": encoded(Image.fromarray(PICTURE).quantize(256), "PNG"),
    "webp-under-the-name-of-a-jpeg": encoded(Image.fromarray(PICTURE), "WEBP", lossless=True),
    "10-kilobytes-after-the-end": encoded(Image.fromarray(PICTURE), quality=95, subsampling=0)
    + b"\0" * 10_000,
}


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE)
def test_an_odd_kind_is_read_as_the_picture_it_shows(image: Path, content: bytes) -> None:
    """Also turned by EXIF: labels are drawn on stored pixels, so these are what is read."""
    image.write_bytes(content)
    found = read_image(image).astype(int)
    assert found.shape == PICTURE.shape
    assert np.abs(found - PICTURE).mean() < 12
    assert sample(image, training=False).problems == ()


def test_a_grey_jpeg_has_three_equal_channels(image: Path) -> None:
    image.write_bytes(encoded(Image.fromarray(PICTURE[..., 0]), quality=95))
    found = read_image(image)
    assert (found[..., 0] == found[..., 1]).all()
    assert np.abs(found[..., 2].astype(int) - PICTURE[..., 0]).mean() < 3


@pytest.mark.parametrize(
    "size", [(1, 1), (20_000, 20), (20, 20_000), (1, 3000)], ids=lambda wh: f"{wh[0]}x{wh[1]}"
)
def test_an_extreme_size_is_trained_on(image: Path, size: tuple[int, int]) -> None:
    image.write_bytes(encoded(Image.new("RGB", size, (200, 100, 50))))
    for training in (True, False):
        found = sample(image, training)
        assert found.problems == ()
        assert found.image_CHW.shape == (3, 32, 32)
        assert found.image_CHW[0].max() > 150
        assert set(found.labels["semseg"].unique().tolist()) <= {3, 7, 255}


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_side_that_opencv_can_not_warp_is_named(image: Path, kind: str) -> None:
    image.write_bytes(encoded(Image.new("RGB", (LONGEST_SIDE + 1, 2)), kind))
    assert is_named_and_skipped(image, rf"is {LONGEST_SIDE + 1} x 2, but no side may be over")
    image.write_bytes(encoded(Image.new("RGB", (LONGEST_SIDE, 2)), kind))
    assert sample(image, training=True).problems == ()


BOMBS = {
    "header-of-3.6-gigapixels": grey_png(60_000, 60_000, b"\0" * 100),
    "header-of-100-megapixels": grey_png(10_000, 10_000, b"\0" * 100),
    "real-98-megapixels-in-100-kilobytes": grey_png(14_000, 7_000, b"\0" * (14_001 * 7_000)),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_a_decompression_bomb_is_named_before_it_is_decoded(
    image: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(content) < 200_000
    image.write_bytes(content)
    monkeypatch.setattr("mtl_ase.data.image_files.decoded", None)  # would fail if called
    with pytest.raises(BadFile, match="has more than 89478485 pixels"):
        open_image(image)
    monkeypatch.undo()
    assert is_named_and_skipped(image, "has more than 89478485 pixels")


GARBAGE = np.random.default_rng(0).bytes(700)
WHOLE = encoded(Image.fromarray(PICTURE))
DAMAGED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "can't be read as an image"),
    "garbage": (GARBAGE.replace(b"\xff", b"\0"), "can't be read as an image"),
    "garbage-between-jpeg-marks": (b"\xff\xd8" + GARBAGE + b"\xff\xd9", "damaged|as an image"),
    "garbage-between-png-marks": (b"\x89PNG\r\n\x1a\n" + GARBAGE, "is truncated or damaged"),
    "jpeg-cut-off": (WHOLE[: len(WHOLE) * 2 // 3], "is truncated or damaged"),
    "jpeg-of-two-bytes": (WHOLE[:2], "is truncated or damaged"),
    "png-of-no-pixels": (grey_png(0, 0, b""), "can't be read as an image"),
    "text": (b"<html>404 not found</html>", "can't be read as an image"),
}


@pytest.mark.parametrize(("content", "said"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_whole_image_is_named(image: Path, content: bytes, said: str) -> None:
    image.write_bytes(content)
    assert is_named_and_skipped(image, said)


def test_a_jpeg_cut_off_after_its_preview_is_named(image: Path) -> None:
    """The preview in its EXIF part has an end of its own."""
    preview = encoded(Image.fromarray(PICTURE).resize((16, 16)))
    segment = b"Exif\0\0" + preview
    head = b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    whole = WHOLE[:2] + head + WHOLE[2:]
    image.write_bytes(whole)
    assert sample(image, training=True).problems == ()
    for kept in (len(whole) - 2, len(whole) - len(WHOLE) // 4):
        image.write_bytes(whole[:kept])
        assert is_named_and_skipped(image, "is truncated or damaged")


@pytest.mark.parametrize("thing", NO_FILES)
def test_what_is_no_file_is_named(image: Path, thing: str) -> None:
    """A pipe would be waited for without an end."""
    replace_by(image, thing)
    assert is_named_and_skipped(image, NO_FILES[thing])


def test_any_damaged_byte_of_a_png_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    content = encoded(Image.fromarray(PICTURE[::4, ::4]), "PNG")
    check_damaged_bytes(path, content, read_image)
