"""Rendering and writing all images of a data set in parallel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.progress import track

from mtl_ase.machine.processes import run_in_processes
from mtl_ase.scenes.render import Scene, render_scene
from mtl_ase.scenes.writing import write_scene

SPLITS = ("train", "val")
CHUNK = 32

Job = tuple[Path, str, range, int, tuple[int, int]]


def scene_name(split: str, index: int) -> str:
    """File name stem of an image."""
    return f"{split}_{index:06d}"


def render_image(seed: int, split: str, index: int, size: tuple[int, int]) -> Scene:
    """Render image `index` of a split at `size` (height, width); depends only on the arguments."""
    sequence = np.random.SeedSequence([seed, SPLITS.index(split), index])
    return render_scene(np.random.default_rng(sequence), size)


def generate(
    root: Path, counts: dict[str, int], seed: int, size: tuple[int, int], workers: int
) -> None:
    """Render and write the images of all splits.

    Args:
        root: folder of the data set; its subfolders must exist.
        counts: number of images by split.
        seed: seed of the data set.
        size: height and width in pixels.
        workers: number of processes.
    """
    jobs = [
        (root, split, range(start, min(start + CHUNK, count)), seed, size)
        for split, count in counts.items()
        for start in range(0, count, CHUNK)
    ]
    done = run_in_processes(_run, jobs, workers)
    for _ in track(done, total=len(jobs), description="rendering scenes", transient=True):
        pass


def _run(job: Job) -> None:
    root, split, indices, seed, size = job
    for index in indices:
        write_scene(root, scene_name(split, index), render_image(seed, split, index, size))
