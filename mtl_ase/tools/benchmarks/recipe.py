"""Compares the augmentations `m3vit_faithful` and `m3vit`, with the same random draws.

Legend: H W pixels, C channels.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_tasks
from mtl_ase.data import DenseDataset, Sample, Warp
from mtl_ase.data.image_files import read_image
from mtl_ase.tools.benchmarks.interleaved import interleave

Map = NDArray[Any]
SAME_PLACE = {"fit": "squash", "outside_is_background": True, "faithful": False}
RECIPES: dict[str, dict[str, Any]] = {
    "m3vit": {"fit": "contain", "outside_is_background": False, "faithful": False},
    "one warp": SAME_PLACE,
    "m3vit_faithful": SAME_PLACE | {"faithful": True},
}
"""The recipe "one warp" has the geometry of the faithful recipe, for comparisons pixel by pixel."""
FAR = np.cos(np.radians(10))
BLOCK, FINE = 16, 4

Made = dict[str, Sample]


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Differences of the recipes in percent of pixels, grey levels, degrees and milliseconds.

    Means over the training split; `ratio` is the faithful recipe's time over the default's.

    Raises:
        UserError: `config` has another recipe than m3vit.
    """
    if config.data.augmentation.get("crop") is not None:
        raise UserError("it compares with the recipe m3vit; choose data/augmentation=m3vit.")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    datasets = {name: _dataset(config, recipe) for name, recipe in RECIPES.items()}
    ways = {name: (lambda i, set_=data: set_[0, i]) for name, data in datasets.items()}
    items = list(range(len(datasets["m3vit"])))
    rows = [_costs(datasets, index) for index in items]
    timings = interleave(ways, items, block=BLOCK)
    means = {name: timing.mean_ms for name, timing in timings.items() if name != "one warp"}
    return {
        "images": len(items),
        "input": list(datasets["m3vit"].size_hw),
        "costs": {
            key: _mean([row[key] for row in rows if key in row])
            for key in dict.fromkeys(key for row in rows for key in row)
        },
        "ms_per_sample": {name: round(value, 3) for name, value in means.items()},
        "ratio": round(means["m3vit_faithful"] / means["m3vit"], 2),
    }


def _dataset(config: DictConfig, recipe: dict[str, Any]) -> DenseDataset:
    config.data.augmentation.update(recipe)
    data = build_data(config, build_tasks(config))
    return data.dataset("train", training=True)


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 3)


def _costs(datasets: dict[str, DenseDataset], index: int) -> dict[str, float]:
    """The differences on one sample; those that its labels don't define are omitted."""
    made = {name: data[0, index] for name, data in datasets.items()}
    ours, near, theirs = (
        {task: label.numpy() for task, label in made[name].labels.items()} for name in RECIPES
    )
    costs = _picture_costs(datasets, index, made)
    if "semseg" in ours and (near["semseg"] != 255).any():
        costs["semseg: % of pixels of another id"] = _percent(near["semseg"] != theirs["semseg"])
    if "edge" in ours and (ours["edge"] == 1).any():
        costs["edges: % of pixels, ours"] = _percent(ours["edge"][ours["edge"] != 255] == 1)
        costs["edges: % of pixels, theirs"] = _percent(theirs["edge"] == 1)
        costs["edges: pieces of line, ours"] = _pieces(near["edge"])
        costs["edges: pieces of line, theirs"] = _pieces(theirs["edge"])
    if "normals" in ours and near["normals"].any():
        costs |= _normal_costs(near["normals"], theirs["normals"])
    return costs


def _normal_costs(near_CHW: Map, theirs_CHW: Map) -> dict[str, float]:
    has_HW, had_HW = (np.asarray(normals.any(0)) for normals in (near_CHW, theirs_CHW))
    both_HW = has_HW & had_HW
    cosine_HW = (near_CHW * theirs_CHW).sum(0)
    return {
        "normals: % of theirs where there is none": _percent(~has_HW[had_HW]),
        "normals: % of theirs more than 10 degrees off": _percent(cosine_HW[both_HW] < FAR),
    }


def _picture_costs(datasets: dict[str, DenseDataset], index: int, made: Made) -> dict[str, float]:
    """The differences on one sample's image."""
    theirs = datasets["m3vit_faithful"]
    image_HWC = read_image(theirs.layout.image_path(theirs.root, theirs.image_ids[index]))
    size_hw = (image_HWC.shape[0], image_HWC.shape[1])
    warps = {name: _warp(data, index, size_hw) for name, data in datasets.items()}
    warp = warps["m3vit_faithful"]
    inside_HW = warp.pick(np.ones(size_hw, np.uint8), 0) > 0
    cubic_HWC = warp.apply(image_HWC.astype(np.float32), cv2.INTER_CUBIC, 0.0)
    stretch = theirs.size_hw[0] * size_hw[1] / (theirs.size_hw[1] * size_hw[0])
    off = {
        name: _off(made[name].image_CHW.numpy(), _averaged(image_HWC, warps[name]), inside_HW)
        for name in ("one warp", "m3vit_faithful")
    }
    return {
        "fit: % of stretch": 100 * (max(stretch, 1 / stretch) - 1),
        "outside: % of pixels that become background": _percent(~inside_HW),
        "image: levels off the average, ours": off["one warp"],
        "image: levels off the average, theirs": off["m3vit_faithful"],
        "image: % of values that wrap around": _percent((cubic_HWC <= -1) | (cubic_HWC >= 256)),
    }


def _warp(dataset: DenseDataset, index: int, size_hw: tuple[int, int]) -> Warp:
    rng = np.random.default_rng((dataset.seed, 0, index))
    return dataset.augmentation.draw(rng, size_hw, dataset.size_hw)


def _averaged(image_HWC: Map, warp: Warp) -> Map:
    """The ideally antialiased image: each output pixel is the mean of FINE x FINE samples."""
    fine_23 = FINE * warp.matrix_23
    fine_23[:, 2] += (FINE - 1) / 2
    height, width = warp.size_hw
    fine_HWC = cv2.warpAffine(image_HWC.astype(np.float32), fine_23, (FINE * width, FINE * height))
    return cv2.resize(fine_HWC, (width, height), interpolation=cv2.INTER_AREA)


def _off(image_CHW: Map, averaged_HWC: Map, inside_HW: Map) -> float:
    """Root mean square difference inside the source image."""
    off_HWC = image_CHW.transpose(1, 2, 0).astype(np.float32) - averaged_HWC
    return float(np.sqrt(np.mean(off_HWC[inside_HW] ** 2)))


def _percent(where: Map) -> float:
    return 100 * float(np.mean(where))


def _pieces(edge_HW: Map) -> float:
    return cv2.connectedComponents((edge_HW == 1).astype(np.uint8), connectivity=8)[0] - 1.0
