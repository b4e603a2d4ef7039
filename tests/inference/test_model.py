"""Predictions for pictures in any form and of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from mtl_ase.base.errors import BadFile, UserError
from mtl_ase.evaluation import EvalProtocol
from mtl_ase.evaluation.protocol import resized
from mtl_ase.inference import Model, SlidingWindows, full_size
from mtl_ase.inference.full_size import resized_and_activated, resized_rows

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (50, 90, 3)).astype(np.uint8)


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """The same maps, but for the rounding of another batch size."""
    assert found.keys() == expected.keys()
    for name, map_ in expected.items():
        assert found[name].dtype == map_.dtype
        if map_.is_floating_point():
            torch.testing.assert_close(found[name], map_, atol=1e-5, rtol=1e-4)
        else:
            assert (found[name] == map_).float().mean() > 0.999


@pytest.mark.parametrize("size_hw", [(50, 90), (1, 1), (7, 300), (64, 64), (333, 65)])
def test_maps_have_the_size_of_the_picture(model: Model, size_hw: tuple[int, int]) -> None:
    maps = model.predict(RNG.integers(0, 256, (*size_hw, 3)).astype(np.uint8))
    assert list(maps) == ["semseg", "human_parts", "saliency", "normals", "edge"]
    for name in ("semseg", "human_parts", "saliency", "edge"):
        assert maps[name].shape == size_hw
    assert maps["semseg"].dtype == torch.int64
    assert 0 <= maps["edge"].min() <= maps["edge"].max() <= 1
    assert maps["normals"].shape == (3, *size_hw)
    torch.testing.assert_close(maps["normals"].norm(dim=0), torch.ones(size_hw))


def test_all_forms_of_a_picture_are_the_same(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "photo of mine.png"
    Image.fromarray(PHOTO).save(path)
    expected = model.predict(PHOTO)
    forms = [
        path,
        str(path),
        Image.fromarray(PHOTO),
        Image.fromarray(PHOTO).convert("RGBA"),
        torch.from_numpy(PHOTO).permute(2, 0, 1),
        torch.from_numpy(PHOTO).permute(2, 0, 1) / 255,
        PHOTO.astype(np.float64) / 255,
    ]
    for form in forms:
        assert_same(model.predict(form), expected)
    grey = RNG.integers(0, 256, (40, 40)).astype(np.uint8)
    assert_same(model.predict(grey), model.predict(np.repeat(grey[..., None], 3, -1)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_their_camera_says(
    model: Model, tmp_path: Path, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PHOTO).save(tmp_path / "photo.png", exif=exif)
    upright = {
        1: PHOTO,
        2: PHOTO[:, ::-1],
        3: PHOTO[::-1, ::-1],
        4: PHOTO[::-1],
        5: PHOTO.transpose(1, 0, 2),
        6: PHOTO.transpose(1, 0, 2)[:, ::-1],
        7: PHOTO.transpose(1, 0, 2)[::-1, ::-1],
        8: PHOTO.transpose(1, 0, 2)[::-1],
    }[orientation]
    assert_same(model.predict(tmp_path / "photo.png"), model.predict(upright))


def test_a_batch_is_as_one_by_one(model: Model) -> None:
    others = [PHOTO, PHOTO[:20, ::-1], PHOTO[:, :33]]
    for found, picture in zip(model.predict_all(others), others, strict=True):
        assert_same(found, model.predict(picture))


def test_some_tasks(model: Model) -> None:
    everything = model.predict(PHOTO)
    some = model.predict(PHOTO, tasks=["edge", "semseg"])
    assert list(some) == ["edge", "semseg"]
    assert_same(some, {name: everything[name] for name in some})
    with pytest.raises(UserError, match="the network has no task 'depth'; choose of semseg, "):
        model.predict(PHOTO, tasks=["depth"])


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros((4, 4, 4), np.uint8), r"shape \(4, 4, 4\) is no image; give \(H, W, 3\)"),
        (torch.zeros(4, 4, 3), r"shape \(4, 4, 3\) is no image; give \(3, H, W\)"),
        (np.full((4, 4, 3), 7.0), "float64 from 7 to 7 can be read in several ways"),
        (np.full((4, 4, 3), 7), "int64 from 7 to 7 can be read in several ways"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\) has no pixels"),
    ],
)
def test_what_is_no_picture_is_refused(model: Model, image: object, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        model.predict(image)  # type: ignore[arg-type]


def test_a_damaged_file_is_named(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(PHOTO).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(BadFile, match=r"photo\.jpg is truncated"):
        model.predict(path)


def test_both_orders(model: Model) -> None:
    first = Model(model.network, model.tasks, model.size_hw, model.augmentation, None, True)
    late, early = model.predict(PHOTO), first.predict(PHOTO)
    for name in model.tasks:
        assert late[name].shape == early[name].shape
        assert not torch.equal(late[name], early[name])
    assert set(early["semseg"].unique().tolist()) <= set(range(21))


def test_a_lower_precision_is_near(model: Model) -> None:
    low = Model(
        model.network, model.tasks, model.size_hw, model.augmentation, precision=torch.bfloat16
    )
    exact, rounded = model.predict(PHOTO)["saliency"], low.predict(PHOTO)["saliency"]
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(exact, rounded, atol=0.05, rtol=0)


@pytest.mark.parametrize("size_hw", [(31, 47), (16, 16), (9, 5), (200, 100)])
def test_rows_are_resized_as_in_the_whole(size_hw: tuple[int, int]) -> None:
    logits = torch.randn(1, 5, 16, 24)
    whole = resized(logits, size_hw)
    for first, last in ((0, 4), (3, 9), (size_hw[0] - 2, size_hw[0] + 5)):
        rows = resized_rows(logits, size_hw, first, last)
        torch.testing.assert_close(rows, whole[..., first:last, :], atol=1e-5, rtol=1e-5)


def test_large_maps_are_made_in_bands(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(1, 21, 16, 24)
    plain = EvalProtocol("p", activate_first=False)
    whole = resized_and_activated(plain, model.tasks["semseg"], logits, (100, 80))
    vectors = resized_and_activated(plain, model.tasks["normals"], logits[:, :3], (100, 80))
    monkeypatch.setattr(full_size, "MOST_LOGITS", 21 * 80 * 7)
    banded = resized_and_activated(plain, model.tasks["semseg"], logits, (100, 80))
    assert (banded == whole).float().mean() > 0.999
    banded = resized_and_activated(plain, model.tasks["normals"], logits[:, :3], (100, 80))
    torch.testing.assert_close(banded, vectors, atol=1e-4, rtol=1e-4)


def test_windows_give_maps_of_the_same_form(model: Model) -> None:
    picture = RNG.integers(0, 256, (150, 201, 3)).astype(np.uint8)
    for windows in (SlidingWindows(), SlidingWindows(None, 0.25, 3), SlidingWindows(1.0)):
        maps = model.predict(picture, windows=windows)
        expected = model.predict(picture)
        for name, map_ in maps.items():
            assert map_.shape == expected[name].shape
            assert map_.dtype == expected[name].dtype


def test_one_window_is_the_whole_picture(model: Model) -> None:
    picture = RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert_same(model.predict(picture, windows=SlidingWindows(None)), model.predict(picture))
