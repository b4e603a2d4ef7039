"""Edges of hand-made label maps, against both recipes written out pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import label as number_regions

from mtl_ase.data.labels import Edges
from mtl_ase.data.labels.edges import boundaries
from mtl_ase.data.warp import make_warp
from tests.data.layout import read_target, write_label_map
from tests.metrics.oracles import slow_thin

SHAPES = [(1, 1), (1, 7), (6, 1), (2, 2), (9, 13), (16, 12)]
EIGHT = np.ones((3, 3))


def random_map(rng: np.random.Generator, shape: tuple[int, int], num_ids: int) -> np.ndarray:
    coarse = rng.integers(1, num_ids + 1, ((shape[0] + 1) // 2, (shape[1] + 1) // 2))
    blocks = np.kron(coarse, np.ones((2, 2), int))[: shape[0], : shape[1]]
    noise = rng.integers(1, num_ids + 1, shape)
    return np.where(rng.random(shape) < 0.2, noise, blocks).astype(np.uint16)


def mirrored(index: int, size: int) -> int:
    """Reflection that does not repeat the border pixel."""
    if size == 1:
        return 0
    index = abs(index)
    return index if index < size else 2 * size - 2 - index


def slow_laplacian(ids: np.ndarray) -> np.ndarray:
    height, width = ids.shape
    value = np.zeros(ids.shape, int)
    for y in range(height):
        for x in range(width):
            for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                near = ids[mirrored(y + dy, height), mirrored(x + dx, width)]
                value[y, x] += int(near) - int(ids[y, x])
    return value


def relabel(ids: np.ndarray) -> np.ndarray:
    """A number for every 4-connected region of one id."""
    regions = np.zeros(ids.shape, int)
    for value in np.unique(ids):
        numbers, _ = number_regions(ids == value)
        regions += np.where(numbers, numbers + regions.max(), 0)
    return regions


def seg2bmap(regions: np.ndarray) -> np.ndarray:
    """SEISM's rules: E, S or SE differs; E alone in the last row, S alone in the last column."""
    height, width = regions.shape
    edge = np.zeros(regions.shape, bool)
    for y in range(height):
        for x in range(width):
            here, last_row, last_column = regions[y, x], y == height - 1, x == width - 1
            east = not last_column and here != regions[y, x + 1]
            south = not last_row and here != regions[y + 1, x]
            corner = not (last_row or last_column) and here != regions[y + 1, x + 1]
            edge[y, x] = east or south or corner
    return edge


@pytest.mark.parametrize("num_ids", [2, 3, 459])
def test_training_target_is_the_thinned_laplacian(tmp_path: Path, num_ids: int) -> None:
    rng = np.random.default_rng(num_ids)
    for number, shape in enumerate(SHAPES):
        ids = random_map(rng, shape, num_ids)
        write_label_map(tmp_path, str(number), ids)
        target = read_target(Edges(), tmp_path, str(number), shape, truth=False)
        assert target.dtype == np.uint8
        assert (target == slow_thin(slow_laplacian(ids) != 0)).all()


@pytest.mark.parametrize("num_ids", [2, 3, 459])
def test_truth_is_the_thinned_boundary_of_regions(tmp_path: Path, num_ids: int) -> None:
    rng = np.random.default_rng(num_ids)
    for number, shape in enumerate(SHAPES):
        ids = random_map(rng, shape, num_ids)
        write_label_map(tmp_path, str(number), ids)
        truth = read_target(Edges(), tmp_path, str(number), shape, truth=True)
        assert truth.dtype == np.uint8
        assert (truth == slow_thin(seg2bmap(relabel(ids)))).all()


def test_boundaries_of_ids_are_those_of_their_connected_regions() -> None:
    """The docstring's claim, on maps where regions of one id often touch by a corner only."""
    rng = np.random.default_rng(0)
    split = 0
    for _ in range(150):
        ids = rng.integers(0, 2 + rng.integers(3), rng.integers(1, 12, 2)).astype(np.uint16)
        regions = relabel(ids)
        assert (boundaries(ids) == seg2bmap(regions)).all()
        diagonal = ids[:-1, :-1] == ids[1:, 1:]
        split += (diagonal & (regions[:-1, :-1] != regions[1:, 1:])).sum()
    assert split > 100


def test_the_last_row_looks_east_and_the_last_column_south() -> None:
    ids = np.array([[1, 1, 1], [1, 1, 2], [1, 3, 3]], np.uint16)
    assert boundaries(ids).tolist() == [
        [False, True, True],
        [True, True, True],
        [True, False, False],
    ]


def line_image(angle_columns: bool, position: int, size_hw: tuple[int, int]) -> np.ndarray:
    line = np.zeros(size_hw, np.uint8)
    line[(slice(None), position) if angle_columns else (position, slice(None))] = 1
    return line


@pytest.mark.parametrize("source_hw", [(375, 500), (500, 333), (281, 500), (500, 500)])
@pytest.mark.parametrize("upright", [True, False])
def test_thin_lines_survive_shrinking_to_the_input_size(
    source_hw: tuple[int, int], upright: bool
) -> None:
    warp = make_warp(source_hw, (224, 224))
    for position in range(20, min(source_hw) - 20, 7):
        moved = Edges().warp(line_image(upright, position, source_hw), warp)
        across = moved.sum(axis=1 if upright else 0)
        assert across.min() >= 1, position
        assert across.max() <= 2, position


@pytest.mark.parametrize("zoom", [2.0, 2.5, 3.0])
@pytest.mark.parametrize("angle", [0, 13, 45, -20])
def test_lines_stay_in_one_piece_when_shrunk_and_turned(zoom: float, angle: float) -> None:
    warp = make_warp((240, 240), (240, 240), angle=angle, scale=1 / zoom)
    for position in (60, 101, 152):
        moved = Edges().warp(line_image(True, position, (240, 240)), warp) == 1
        assert moved.sum() >= 0.9 * 240 / zoom * max(
            abs(np.cos(np.radians(angle))), abs(np.sin(np.radians(angle)))
        )
        assert number_regions(moved, EIGHT)[1] == 1


def test_lines_are_not_widened_into_what_is_outside() -> None:
    warp = make_warp((90, 90), (60, 60), scale=0.5)
    moved = Edges().warp(np.ones((90, 90), np.uint8), warp)
    assert set(np.unique(moved)) == {1, 255}
    assert (moved[:14] == 255).all()
