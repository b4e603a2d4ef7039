"""Kinds of output: activation, resizing, colours, overlays, files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from mtl_ase.base.errors import BadFile, UserError
from mtl_ase.tasks import ClassMap, NormalMap, Output, ProbabilityMap, ValueMap

KINDS = [ClassMap(), NormalMap(), ProbabilityMap(), ValueMap(20.0)]
NAMES = [type(kind).__name__ for kind in KINDS]


def prediction_of(kind: Output, height: int = 12, width: int = 18) -> Tensor:
    """A random prediction, of valid values and not all the same."""
    generator = torch.Generator().manual_seed(0)
    return kind.activate(torch.randn(3, height, width, generator=generator)).abs()


def test_classes_are_those_of_the_largest_logit() -> None:
    logits = torch.tensor([[[1.0, 0.0]], [[0.0, 3.0]], [[-1.0, 2.0]]])
    assert ClassMap().activate(logits).tolist() == [[0, 1]]


def test_probability_is_the_sigmoid() -> None:
    found = ProbabilityMap().activate(torch.tensor([[[0.0, 100.0, -100.0, 1.0986123]]]))
    assert torch.allclose(found, torch.tensor([[0.5, 1.0, 0.0, 0.75]]))


def test_normals_have_length_one() -> None:
    logits = torch.randn(3, 4, 5)
    unit = NormalMap().activate(logits)
    assert torch.allclose(unit.norm(dim=0), torch.ones(4, 5))
    assert torch.allclose(unit * logits.norm(dim=0), logits, atol=1e-6)


def test_values_are_the_first_channel() -> None:
    logits = torch.randn(2, 4, 5)
    assert torch.equal(ValueMap(1.0).activate(logits), logits[0])


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_resizing_keeps_the_form(kind: Output) -> None:
    prediction = prediction_of(kind)
    larger = kind.resize(prediction, (30, 50))
    assert larger.shape == (*prediction.shape[:-2], 30, 50)
    assert larger.dtype == prediction.dtype
    assert larger.min() >= prediction.min()
    assert larger.max() <= prediction.max()
    assert torch.equal(kind.resize(prediction, prediction.shape[-2:]), prediction)


@pytest.mark.parametrize("size_hw", [(24, 36), (7, 31), (5, 6)])
def test_classes_are_resized_as_by_cv2(size_hw: tuple[int, int]) -> None:
    prediction = prediction_of(ClassMap())
    theirs = cv2.resize(
        prediction.numpy().astype(np.uint8), size_hw[::-1], interpolation=cv2.INTER_NEAREST
    )
    assert np.array_equal(ClassMap().resize(prediction, size_hw).numpy(), theirs)


def test_class_colours_are_vocs() -> None:
    assert ClassMap().colours(np.array([[0, 1, 15, 20, 255]])).tolist() == [
        [[0, 0, 0], [128, 0, 0], [192, 128, 128], [0, 64, 128], [224, 224, 192]]
    ]
    many = ClassMap().colours(np.arange(21)[None])
    assert len({tuple(colour) for colour in many[0]}) == 21


def test_probabilities_go_from_black_to_white_and_what_is_ignored_is_tinted() -> None:
    shades = ProbabilityMap().colours(np.array([[0, 0.5, 1.0]], np.float32))
    assert shades.tolist() == [[[0] * 3, [127] * 3, [255] * 3]]
    label = ProbabilityMap().colours(np.array([[0, 1, 255]], np.uint8))
    assert label[0, :2].tolist() == [[0] * 3, [255] * 3]
    red, green, blue = label[0, 2].tolist()
    assert blue > red == green


def test_normal_colours_are_the_stored_bytes() -> None:
    normals = np.zeros((3, 1, 4), np.float32)
    normals[0, 0, 1] = normals[2, 0, 2] = 1
    normals[1, 0, 3] = -1
    colours = NormalMap().colours(normals)
    assert colours.tolist() == [[[128] * 3, [255, 128, 128], [128, 128, 255], [128, 0, 128]]]


def test_values_are_bright_where_low_and_black_where_unknown() -> None:
    depths = np.array([[0.0, 0.5, 10.0, 19.0, 500.0]], np.float32)
    colours = ValueMap(20.0).colours(depths).astype(int)
    assert colours[0, 0].tolist() == [0, 0, 0]
    sums = colours[0, 1:].sum(-1)
    assert (np.diff(sums) <= 0).all()
    assert colours[0, 1, 0] > colours[0, 1, 2]
    assert colours[0, 4, 2] > colours[0, 4, 0]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_pictures_are_bytes_of_red_green_blue(kind: Output) -> None:
    shape = (3, 4, 6) if isinstance(kind, NormalMap) else (4, 6)
    for dtype in (np.uint8, np.int64, np.float32):
        picture = kind.colours(np.ones(shape, dtype))
        assert picture.shape == (4, 6, 3)
        assert picture.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_overlays_show_image_and_prediction(kind: Output) -> None:
    prediction = prediction_of(kind).numpy()
    image = np.random.default_rng(0).integers(0, 256, (12, 18, 3)).astype(np.uint8)
    drawn = kind.overlay(image, prediction)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert not np.array_equal(drawn, image)
    assert not np.array_equal(drawn, kind.overlay(255 - image, prediction))


def test_overlays_leave_the_background_as_it_is() -> None:
    image = np.full((2, 2, 3), 77, np.uint8)
    ids_HW = np.array([[0, 3], [0, 0]])
    changed = (ClassMap().overlay(image, ids_HW) != image).any(-1)
    assert changed.tolist() == [[False, True], [False, False]]
    edges = np.array([[0.0, 1.0], [0.0, 0.0]], np.float32)
    changed = (ProbabilityMap().overlay(image, edges) != image).any(-1)
    assert changed.tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize(
    ("kind", "error"),
    [(ClassMap(), 0), (ProbabilityMap(), 0.5 / 255), (NormalMap(), 1 / 255), (ValueMap(2.0), 5e-4)],
    ids=["ClassMap", "ProbabilityMap", "NormalMap", "ValueMap"],
)
def test_pngs_come_back_but_for_rounding(kind: Output, error: float, tmp_path: Path) -> None:
    prediction = prediction_of(kind).numpy()
    kind.png(prediction).save(tmp_path / "map.png")
    read = kind.read_png(tmp_path / "map.png")
    kind.check("task", tmp_path / "map.png", read)
    expected = prediction if prediction.ndim == 2 else prediction.transpose(1, 2, 0)
    assert read.shape == expected.shape
    assert np.abs(read - expected).max() <= error + 1e-6
    assert kind.png_is_exact == (error == 0)


def test_values_need_sixteen_bits(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "map.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(BadFile, match=r"map\.png has uint8 pixels where thousandths need 16 bits"):
        ValueMap(20.0).read_png(tmp_path / "map.png")


@pytest.mark.parametrize(
    ("kind", "pixels", "sentence"),
    [
        (ClassMap(), np.full((4, 4), -1), "holds no class ids"),
        (ClassMap(), np.ones((4, 4, 3), int), r"has the shape \(4, 4, 3\)"),
        (ProbabilityMap(), np.full((4, 4), 1.5), "which are no probabilities"),
        (NormalMap(), np.zeros((4, 4)), r"needs \(4, 4, 3\)"),
    ],
)
def test_what_is_no_such_map_is_named(
    kind: Output, pixels: np.ndarray, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=sentence):
        kind.check("task", tmp_path / "map.npy", pixels)
