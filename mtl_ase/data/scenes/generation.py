"""Rendering the images of a set, in this process or in several."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import cv2
import numpy as np
from rich.progress import Progress, track

from mtl_ase.data.scenes.render import Scene, render_scene
from mtl_ase.data.scenes.writing import write_scene

SPLITS = ("train", "val")
CHUNK = 32

Job = tuple[Path, str, range, int, tuple[int, int]]


def scene_name(split: str, index: int) -> str:
    """File name stem of an image."""
    return f"{split}_{index:06d}"


def render_image(seed: int, split: str, index: int, size: tuple[int, int]) -> Scene:
    """Image `index` of a split: a function of nothing but its arguments."""
    sequence = np.random.SeedSequence([seed, SPLITS.index(split), index])
    return render_scene(np.random.default_rng(sequence), size)


def generate(
    root: Path, counts: dict[str, int], seed: int, size: tuple[int, int], workers: int
) -> None:
    """Render and write the first images of each split, by chunks shared among the workers."""
    jobs = [
        (root, split, range(start, min(start + CHUNK, count)), seed, size)
        for split, count in counts.items()
        for start in range(0, count, CHUNK)
    ]
    if workers == 1 or len(jobs) == 1:
        for job in track(jobs, description="rendering scenes", transient=True):
            _run(job)
    else:
        _run_in_processes(jobs, workers)


def _run_in_processes(jobs: list[Job], workers: int) -> None:
    spawn = multiprocessing.get_context("spawn")  # forking a process with threads may deadlock
    with (
        ProcessPoolExecutor(min(workers, len(jobs)), mp_context=spawn) as pool,
        Progress(transient=True) as progress,
    ):
        bar = progress.add_task("rendering scenes", total=len(jobs))
        for done in as_completed([pool.submit(_run, job) for job in jobs]):
            done.result()
            progress.advance(bar)


def _run(job: Job) -> None:
    root, split, indices, seed, size = job
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    for index in indices:
        write_scene(root, scene_name(split, index), render_image(seed, split, index, size))
    cv2.setNumThreads(threads)
