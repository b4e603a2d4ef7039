"""How sliding windows differ from one pass over the whole picture, and whether seams are seen.

Legend: N windows, C channels, H W pixels.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mtl_ase.export.image_sizes import network_for
from mtl_ase.export.trained_run import read_run
from mtl_ase.inference import Model, SlidingWindows, load
from mtl_ase.inference.loading import newest_run
from mtl_ase.scenes.generation import render_image
from mtl_ase.tasks import Picture

NUM_SCENES = 12
SPLIT, SEED = "val", 0
LARGE_HW = (1500, 2000)
OVERLAPS = {"half": 0.5, "none": 0.0}


def compare(run: Path) -> dict[str, Any]:
    """Predict scenes of twice the input's size in windows and in one pass, and a large picture.

    The whole pass is by the same weights, with position embeddings resampled to the larger grid.
    A seam would be a jump of the map where a window begins or ends: "jumps" are the mean absolute
    difference of neighbours across these lines, over that across other lines between patches, of
    the largest logit.

    Args:
        run: a run folder; its network has a square input.

    Returns:
        Differences of maps by task and overlap; jumps; time and peak memory of the large picture.
    """
    found = newest_run(run)
    model, trained = load(found, precision="32-true"), read_run(found)
    size_hw = (2 * model.size_hw[0], 2 * model.size_hw[1])
    network = network_for(trained.network, trained.config, trained.tasks, size_hw)
    whole = Model(network, model.tasks, size_hw, model.augmentation)
    scenes = [_scene(index, size_hw) for index in range(NUM_SCENES)]
    expected = [whole.predict(scene) for scene in scenes]
    result: dict[str, Any] = {
        "network": str(trained.config.experiment_name),
        "window": list(model.size_hw),
        "scenes": {"count": NUM_SCENES, "size": list(size_hw)},
    }
    for name, overlap in OVERLAPS.items():
        windows = SlidingWindows(None, overlap)
        predicted = [model.predict(scene, windows=windows) for scene in scenes]
        result[f"overlap {name}"] = {
            "over one pass": _differences(predicted, expected),
            "jumps": round(_jumps(model, scenes, windows), 3),
        }
    result["large picture"] = _large(model)
    return result


def _scene(index: int, size_hw: tuple[int, int]) -> Picture:
    return render_image(SEED, SPLIT, index, size_hw).image_HWC


def _differences(
    predicted: Sequence[dict[str, Tensor]], expected: Sequence[dict[str, Tensor]]
) -> dict[str, float]:
    """Share of pixels of another class; else the mean absolute difference of values."""
    differences = {}
    for name in expected[0]:
        pairs = [(p[name], e[name]) for p, e in zip(predicted, expected, strict=True)]
        each = [
            (p - e).abs().mean() if e.is_floating_point() else (p != e).float().mean()
            for p, e in pairs
        ]
        differences[name] = round(float(torch.stack(each).mean()), 4)
    return differences


@torch.inference_mode()
def _jumps(model: Model, scenes: Sequence[Picture], windows: SlidingWindows) -> float:
    """Mean step across the windows' borders over that between other patches, of largest logits."""
    at_borders, elsewhere = [], []
    patch = model.size_hw[1] // model.network.encoder.sites()[0].grid_hw[1]
    for scene in scenes:
        image_CHW = torch.from_numpy(scene.transpose(2, 0, 1).copy())
        logits = windows.logits(model.logits, image_CHW, model.size_hw)
        boxes = windows.boxes(scene.shape[:2], model.size_hw)
        ends = {x for box in boxes for x in (box.left, box.left + box.width)}
        inner = range(patch, scene.shape[1], patch)
        borders, others = ([x - 1 for x in inner if (x in ends) == wanted] for wanted in (1, 0))
        for logits_CHW in logits.values():
            steps_W = logits_CHW.amax(0).diff(dim=1).abs().mean(0)
            scale = steps_W.mean()
            at_borders.append(steps_W[borders].mean() / scale)
            elsewhere.append(steps_W[others].mean() / scale)
    return float(torch.stack(at_borders).mean() / torch.stack(elsewhere).mean())


def _large(model: Model) -> dict[str, Any]:
    """Seconds, and the peak memory of this process so far, of a large picture at its own size."""
    picture = np.random.default_rng(0).integers(0, 256, (*LARGE_HW, 3)).astype(np.uint8)
    windows, start = SlidingWindows(None, 0.5, 8), time.perf_counter()
    model.predict(picture, windows=windows)
    return {
        "size": list(LARGE_HW),
        "windows": len(windows.boxes(LARGE_HW, model.size_hw)),
        "seconds": round(time.perf_counter() - start, 1),
        "peak_mib_of_the_process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
