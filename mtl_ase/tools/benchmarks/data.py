"""Benchmark of training samples: from a pack, from the label files, and by the lineage's loader."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import torch
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_tasks
from mtl_ase.data import DenseDataset
from mtl_ase.data.image_files import read_image
from mtl_ase.tools.benchmarks.interleaved import interleave
from mtl_ase.tools.benchmarks.usual_loader import UsualLoader

REPEATS, BLOCK = 2, 16


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Time a training sample with the paper's augmentation, on one core with warm file caches.

    Compared are our dataset with a pack ("packed"), without one ("raw"), and `UsualLoader`
    ("usual"), on the same images, alternating every 16 images.

    Args:
        config: the whole config; `data` and `tasks` are used.

    Returns:
        Figures in milliseconds per sample; `ratio` is usual / packed.

    Raises:
        UserError: the network's input is not square.
    """
    if config.data.image_size[0] != config.data.image_size[1]:
        raise UserError("the usual loader makes square inputs; give data.image_size=[N,N].")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    config.data.pack = "build"
    packed = _dataset(config)
    config.data.pack = "never"
    raw = _dataset(config)
    usual = UsualLoader(packed.root, packed.size_hw[0])
    loaders: dict[str, Callable[[int], object]] = {
        "packed": lambda index: packed[0, index],
        "raw": lambda index: raw[0, index],
        "usual": lambda index: usual(packed.image_ids[index]),
    }
    items = list(range(len(packed)))
    for index in items:  # warms the file cache
        usual(packed.image_ids[index])
    usual.seconds.clear()
    timings = interleave(loaders, items, REPEATS, BLOCK)
    calls = REPEATS * len(items) + 1
    means = {name: timing.mean_ms for name, timing in timings.items()}
    return {
        "images": len(items),
        "input": list(packed.size_hw),
        "ms_per_sample": {name: round(value, 3) for name, value in means.items()},
        "samples_per_s_and_core": {name: round(1000 / ms, 1) for name, ms in means.items()},
        "usual_steps_ms": {k: round(1000 * v / calls, 3) for k, v in usual.seconds.items()},
        "packed_steps_ms": {k: round(v, 3) for k, v in _packed_steps(packed).items()},
        "raw_over_packed": round(means["raw"] / means["packed"], 2),
        "ratio": round(means["usual"] / means["packed"], 2),
    }


def _dataset(config: DictConfig) -> DenseDataset:
    data = build_data(config, build_tasks(config))
    return data.dataset("train", training=True)


def _packed_steps(dataset: DenseDataset) -> dict[str, float]:
    """Mean milliseconds of decoding the full-size image and of reading the labels from the pack."""
    totals = {"image in full size": 0.0, "labels from the pack": 0.0}
    for index, image_id in enumerate(dataset.image_ids):
        start = time.perf_counter()
        read_image(dataset.layout.image_path(dataset.root, image_id))
        middle = time.perf_counter()
        for task in dataset.labels:
            dataset.maps.read(task, index, truth=False)
        totals["image in full size"] += middle - start
        totals["labels from the pack"] += time.perf_counter() - middle
    return {step: 1000 * seconds / len(dataset) for step, seconds in totals.items()}
