"""A process pool that yields results as they finish."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import cv2

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    """Apply `work` to every job in a process pool; yield the results in order of completion.

    Every process runs OpenCV on one thread. With one worker or one job no pool is started: the
    jobs run in this process, in order.

    Args:
        work: a picklable function.
        jobs: its arguments, one for each call.
        workers: number of processes.
    """
    if workers == 1 or len(jobs) == 1:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        try:
            yield from map(work, jobs)
        finally:
            cv2.setNumThreads(threads)
        return
    spawn = multiprocessing.get_context("spawn")  # forking a process with threads may deadlock
    with ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=spawn, initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        for done in as_completed([pool.submit(work, job) for job in jobs]):
            yield done.result()
