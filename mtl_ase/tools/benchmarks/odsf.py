"""Benchmark of edge matching: ours, scipy's two exact solvers, and pyEdgeEval's.

Legend: H W pixels, N thresholds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching, min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_tasks
from mtl_ase.data.image_files import read_image
from mtl_ase.data.labels.thinning import thin
from mtl_ase.metrics.edges import Matching

Mask = NDArray[np.bool_]
MAX_DIST = 0.0075
IMAGES, SHARED_THRESHOLDS = 100, 8
OUTLIER_COST = 100.0
"""Cost of leaving a true pixel unmatched, in units of the matching distance."""
FULL_PASS = 2498 * 101
"""Images of the list `test_new`, on which edges are scored, times thresholds."""
CORES = 2
LIMIT_S = 20.0
"""For one maximum matching by scipy, whose time grows without bounds on some maps."""


@dataclass
class Tally:
    """Times and counts of every (image, threshold).

    Attributes:
        seconds: seconds for thinning and matching, by solver.
        matches: matched true pixels, by solver.
        predicted: predicted edge pixels after thinning.
        true: true edge pixels.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    matches: dict[str, list[int]] = field(default_factory=dict)
    predicted: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)

    def run(self, solver: str, count: Callable[..., int], mask_HW: Mask, *others: Any) -> None:
        """Time the thinning of a mask and the counting of its matches."""
        start = time.perf_counter()
        matches = count(thin(mask_HW), *others)
        self.seconds.setdefault(solver, []).append(time.perf_counter() - start)
        self.matches.setdefault(solver, []).append(matches)

    def copy_last(self, solver: str, other: Tally) -> None:
        """Append the last entry of another tally."""
        self.seconds.setdefault(solver, []).append(other.seconds[solver][-1])
        self.matches.setdefault(solver, []).append(other.matches[solver][-1])

    def mean_ms(self, solver: str) -> float:
        """Mean milliseconds per image and threshold."""
        return 1000 * statistics.fmean(self.seconds[solver])


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Time thinning and matching per image and threshold, on one core.

    Images are the first hundred of the validation split; predictions are made by
    `made_prediction`. Our solver ("ours") runs at all 101 thresholds, as in an evaluation. At eight
    of them others run right after it on the same maps: "assignment" is scipy's exact sparse
    assignment on the same candidate pairs; "maximum" is scipy's maximum matching, the same problem
    as ours, in a process of its own, which is ended after `LIMIT_S`; "public" is pyEdgeEval's port
    of the BSDS benchmark's `correspondPixels`, if it is installed.

    Args:
        config: the whole config; only `data` is used.

    Returns:
        Figures in milliseconds per image and threshold; `ratio` is assignment / ours.

    Raises:
        UserError: no validation image has an edge label.
    """
    cv2.setNumThreads(1)
    maps = _maps(config)
    limited = Limited(LIMIT_S)
    public = _public_solver()
    thresholds_N = np.concatenate([[0.001], np.linspace(0.01, 0.99, 99), [0.999]])
    shared = set(np.linspace(1, 99, SHARED_THRESHOLDS).astype(int).tolist())
    shared_tally, full_tally = Tally(), Tally()
    for probability_HW, true_HW in maps:
        distance = MAX_DIST * float(np.hypot(*true_HW.shape))
        matching = Matching(true_HW, distance)
        for n, threshold in enumerate(thresholds_N):
            mask_HW = probability_HW > threshold
            full_tally.run("ours", matching.count, mask_HW)
            if n in shared:
                shared_tally.predicted.append(int(np.count_nonzero(thin(mask_HW))))
                shared_tally.true.append(int(np.count_nonzero(true_HW)))
                shared_tally.copy_last("ours", full_tally)
                shared_tally.run("assignment", assigned, mask_HW, true_HW, distance)
                limited.run(mask_HW, true_HW, distance)
                if public is not None:
                    shared_tally.run("public", public, mask_HW, true_HW)
    limited.end()
    mean = {solver: round(shared_tally.mean_ms(solver), 3) for solver in shared_tally.seconds}
    all_ms = full_tally.mean_ms("ours")
    return {
        "images": len(maps),
        "image_size": list(maps[0][1].shape),
        "ms_per_image_and_threshold": mean,
        "ms_ours_all_101_thresholds": round(all_ms, 3),
        "minutes_of_2498_images_on_2_cores": round(all_ms * FULL_PASS / CORES / 60_000, 2),
        "maximum": limited.figures(shared_tally),
        "fewer_matches_than_ours": _deficits(shared_tally),
        "ods_at_shared_thresholds": _ods(shared_tally, len(maps)),
        "public_over_ours": round(mean["public"] / mean["ours"], 1) if "public" in mean else None,
        "ratio": round(mean["assignment"] / mean["ours"], 2),
    }


def assigned(predicted_HW: Mask, true_HW: Mask, max_distance: float) -> int:
    """The number of matches by scipy's minimum-weight full bipartite matching.

    Every true pixel has its own dummy partner, so that it may stay unmatched at `OUTLIER_COST`.
    """
    predicted, true = np.argwhere(predicted_HW), np.argwhere(true_HW)
    if not len(predicted) or not len(true):
        return 0
    rows, columns = _candidates(predicted, true, max_distance)
    cost = np.hypot(*(true[rows] - predicted[columns]).T) + 1
    out = np.arange(len(true))
    graph = csr_array(
        (
            np.concatenate([cost, np.full(len(true), OUTLIER_COST * max_distance)]),
            (np.concatenate([rows, out]), np.concatenate([columns, len(predicted) + out])),
        ),
        shape=(len(true), len(predicted) + len(true)),
    )
    chosen = min_weight_full_bipartite_matching(graph)[1]
    return int(np.count_nonzero(chosen < len(predicted)))


def maximum(predicted_HW: Mask, true_HW: Mask, max_distance: float) -> int:
    """The number of matches by scipy's maximum matching."""
    predicted, true = np.argwhere(predicted_HW), np.argwhere(true_HW)
    if not len(predicted) or not len(true):
        return 0
    rows, columns = _candidates(predicted, true, max_distance)
    pairs = np.ones(len(rows), np.int8), (rows, columns)
    graph = csr_array(pairs, shape=(len(true), len(predicted)))
    return int(np.count_nonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0))


def _candidates(
    predicted: NDArray[np.intp], true: NDArray[np.intp], max_distance: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of the true and predicted pixels that may match, pair by pair."""
    tree = cKDTree(predicted)
    near = tree.query_ball_point(true, max_distance + 1e-9, return_sorted=False)
    rows = np.repeat(np.arange(len(true)), [len(some) for some in near])
    return rows, np.concatenate([np.asarray(some, np.intp) for some in near])


class Limited:
    """Runs `maximum` in a process that is ended where it takes too long.

    Args:
        limit_s: seconds for one map.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.pool = ProcessPoolExecutor(1)
        self.seconds: list[float] = []
        self.matches: list[int | None] = []

    def run(self, mask_HW: Mask, true_HW: Mask, distance: float) -> None:
        """Note seconds and matches of a map; none of a map that takes too long."""
        try:
            counted = self.pool.submit(_timed_maximum, mask_HW, true_HW, distance)
            seconds, matches = counted.result(self.limit_s)
            self.seconds.append(seconds)
            self.matches.append(matches)
        except TimeoutError:
            self.end()
            self.pool = ProcessPoolExecutor(1)
            self.matches.append(None)

    def end(self) -> None:
        """End the process, even in the middle of a map."""
        for process in list((self.pool._processes or {}).values()):
            process.kill()
        self.pool.shutdown()

    def figures(self, others: Tally) -> dict[str, Any]:
        """Its times beside ours on the maps that it finished, and how many it did not."""
        done = [number for number, matches in enumerate(self.matches) if matches is not None]
        ours = [others.seconds["ours"][number] for number in done]
        fewer = [others.matches["ours"][number] - (self.matches[number] or 0) for number in done]
        over = len(self.matches) - len(done)
        facts = {"maps": len(self.matches), "over_the_limit": over, "limit_s": self.limit_s}
        if not done:
            return facts
        return facts | {
            "ms_of_the_others": round(1000 * statistics.fmean(self.seconds), 3),
            "ms_of_ours_on_them": round(1000 * statistics.fmean(ours), 3),
            "fewer_matches_than_ours_at_most": max(fewer),
        }


def _timed_maximum(mask_HW: Mask, true_HW: Mask, distance: float) -> tuple[float, int]:
    start = time.perf_counter()
    matches = maximum(thin(mask_HW), true_HW, distance)
    return time.perf_counter() - start, matches


def _maps(config: DictConfig) -> list[tuple[NDArray[np.float32], Mask]]:
    data = build_data(config, {"edge": build_tasks(config)["edge"]})
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
    """A synthetic prediction in [0, 1]: blurred true edges plus image gradients plus noise."""
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
    """By how many matched pixels the other solvers fall below ours."""
    ours = np.array(tally.matches["ours"])
    return {
        solver: {
            "mean": round(float((ours - np.array(counts)).mean()), 3),
            "most": int((ours - np.array(counts)).max()),
            "least": int((ours - np.array(counts)).min()),
        }
        for solver, counts in tally.matches.items()
        if solver != "ours"
    }


def _ods(tally: Tally, images: int) -> dict[str, float]:
    """ODS of every solver over the thresholds at which all of them ran."""
    total = np.array(tally.predicted).reshape(images, -1).sum(0)
    total = total + np.array(tally.true).reshape(images, -1).sum(0)
    return {
        solver: round(float((2 * np.array(counts).reshape(images, -1).sum(0) / total).max()), 6)
        for solver, counts in tally.matches.items()
    }
