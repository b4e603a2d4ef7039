"""How fast the edge score is: our matching, an exact assignment by scipy, the public solver.

Legend: H W pixels, N thresholds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data
from mtl_ase.data import DataModule
from mtl_ase.data.image_files import read_image
from mtl_ase.data.labels.thinning import thin
from mtl_ase.metrics.edges import Matching

Mask = NDArray[np.bool_]
MAX_DIST = 0.0075
IMAGES, SHARED_THRESHOLDS = 100, 8
OUTLIER = 100.0
FULL_PASS = 2498 * 101
CORES = 2


@dataclass
class Tally:
    """Seconds of every (image, threshold) by way, and the counts of matches."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    matches: dict[str, list[int]] = field(default_factory=dict)
    predicted: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)

    def run(self, way: str, count: Callable[..., int], mask_HW: Mask, *others: Any) -> None:
        """Time the thinning of a mask and one count."""
        start = time.perf_counter()
        matches = count(thin(mask_HW), *others)
        self.seconds.setdefault(way, []).append(time.perf_counter() - start)
        self.matches.setdefault(way, []).append(matches)

    def copy_last(self, way: str, other: Tally) -> None:
        """Take over another's last count."""
        self.seconds.setdefault(way, []).append(other.seconds[way][-1])
        self.matches.setdefault(way, []).append(other.matches[way][-1])

    def mean_ms(self, way: str) -> float:
        """Milliseconds of an image and threshold."""
        return 1000 * statistics.fmean(self.seconds[way])


def benchmark_odsf(config: DictConfig) -> dict[str, Any]:
    """Milliseconds an image and threshold on one core, with thinning; `ratio` is scipy / ours.

    Images are the first hundred of the validation split; the prediction is their gradient mixed
    with a blurred true edge map. We count at all 101 thresholds, as in use; at eight of them the
    other ways count too, right after us, on the same maps. "assignment" is scipy's exact sparse
    solver on the same candidate pairs, "public" pyEdgeEval's port of the benchmark's
    `correspondPixels`, if it is installed.
    """
    cv2.setNumThreads(1)
    maps = _maps(config)
    public = _public_solver()
    thresholds_N = np.concatenate([[0.001], np.linspace(0.01, 0.99, 99), [0.999]])
    shared = set(np.linspace(1, 99, SHARED_THRESHOLDS).astype(int).tolist())
    tally, every = Tally(), Tally()
    for probability_HW, true_HW in maps:
        distance = MAX_DIST * float(np.hypot(*true_HW.shape))
        matching = Matching(true_HW, distance)
        for n, threshold in enumerate(thresholds_N):
            mask_HW = probability_HW > threshold
            every.run("ours", matching.count, mask_HW)
            if n in shared:
                tally.predicted.append(int(np.count_nonzero(thin(mask_HW))))
                tally.true.append(int(np.count_nonzero(true_HW)))
                tally.copy_last("ours", every)
                tally.run("assignment", assigned, mask_HW, true_HW, distance)
                if public is not None:
                    tally.run("public", public, mask_HW, true_HW)
    mean = {way: round(tally.mean_ms(way), 3) for way in tally.seconds}
    all_ms = every.mean_ms("ours")
    return {
        "images": len(maps),
        "image_size": list(maps[0][1].shape),
        "ms_per_image_and_threshold": mean,
        "ms_ours_all_101_thresholds": round(all_ms, 3),
        "minutes_of_2498_images_on_2_cores": round(all_ms * FULL_PASS / CORES / 60_000, 2),
        "fewer_matches_than_ours": _deficits(tally),
        "ods_at_shared_thresholds": _ods(tally, len(maps)),
        "public_over_ours": round(mean["public"] / mean["ours"], 1) if "public" in mean else None,
        "ratio": round(mean["assignment"] / mean["ours"], 2),
    }


def assigned(predicted_HW: Mask, true_HW: Mask, max_distance: float) -> int:
    """Matches by scipy's minimum-weight assignment, every true pixel with a private way out."""
    predicted, true = np.argwhere(predicted_HW), np.argwhere(true_HW)
    if not len(predicted) or not len(true):
        return 0
    tree = cKDTree(predicted)
    near = tree.query_ball_point(true, max_distance + 1e-9, return_sorted=False)
    rows = np.repeat(np.arange(len(true)), [len(some) for some in near])
    columns = np.concatenate([np.asarray(some, int) for some in near])
    cost = np.hypot(*(true[rows] - predicted[columns]).T) + 1
    out = np.arange(len(true))
    graph = csr_array(
        (
            np.concatenate([cost, np.full(len(true), OUTLIER * max_distance)]),
            (np.concatenate([rows, out]), np.concatenate([columns, len(predicted) + out])),
        ),
        shape=(len(true), len(predicted) + len(true)),
    )
    chosen = min_weight_full_bipartite_matching(graph)[1]
    return int(np.count_nonzero(chosen < len(predicted)))


def _maps(config: DictConfig) -> list[tuple[NDArray[np.float32], Mask]]:
    data: DataModule = build_data(config, {"edge": None})
    dataset = data.dataset("val", training=False)
    maps = []
    for index in range(min(IMAGES, len(dataset))):
        stored = dataset.maps.read("edge", index, truth=True)
        if stored is None:
            continue
        true_HW = stored == 1
        image_HWC = read_image(dataset.layout.image_path(dataset.root, dataset.image_ids[index]))
        maps.append((made_prediction(image_HWC, true_HW, index), true_HW))
    if not maps:
        raise UserError("no validation image has an edge label; give data.root=DIR of another set.")
    return maps


def made_prediction(image_HWC: NDArray[np.uint8], true_HW: Mask, seed: int) -> NDArray[np.float32]:
    """A prediction as of a fair network: true edges smeared, and the gradients of the image."""
    grey_HW = cv2.cvtColor(image_HWC, cv2.COLOR_RGB2GRAY)
    dx_HW, dy_HW = (cv2.Sobel(grey_HW, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    slope_HW = cv2.GaussianBlur(np.hypot(dx_HW, dy_HW), (0, 0), 1.5)
    near_HW = cv2.GaussianBlur(true_HW.astype(np.float32), (0, 0), 3)
    noise_HW = np.random.default_rng(seed).normal(0, 0.02, true_HW.shape)
    mixed_HW = 0.6 * near_HW / max(1e-6, float(near_HW.max()))
    mixed_HW = mixed_HW + 0.6 * slope_HW / max(1e-6, float(slope_HW.max())) + noise_HW
    return np.clip(mixed_HW, 0, 1).astype(np.float32)


def _public_solver() -> Callable[[Mask, Mask], int] | None:
    try:
        from pyEdgeEval._lib.correspond_pixels import correspond_pixels
    except ImportError:
        return None

    def count(predicted_HW: Mask, true_HW: Mask) -> int:
        return int(np.count_nonzero(correspond_pixels(predicted_HW, true_HW, MAX_DIST)[0]))

    return count


def _deficits(tally: Tally) -> dict[str, dict[str, float]]:
    """By how many pixels other ways fall below our counts."""
    ours = np.array(tally.matches["ours"])
    return {
        way: {
            "mean": round(float((ours - np.array(counts)).mean()), 3),
            "most": int((ours - np.array(counts)).max()),
            "least": int((ours - np.array(counts)).min()),
        }
        for way, counts in tally.matches.items()
        if way != "ours"
    }


def _ods(tally: Tally, images: int) -> dict[str, float]:
    """ODS of every way over the thresholds at which all of them counted."""
    total = np.array(tally.predicted).reshape(images, -1).sum(0)
    total = total + np.array(tally.true).reshape(images, -1).sum(0)
    return {
        way: round(float((2 * np.array(counts).reshape(images, -1).sum(0) / total).max()), 6)
        for way, counts in tally.matches.items()
    }
