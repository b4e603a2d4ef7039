"""Runs what a suite still lacks, several trainings at once where there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from mtl_ase.launch.child_training import STOP_EXIT_CODES
from mtl_ase.launch.trainings import Environment, Trainings
from mtl_ase.machine.cores import usable_cores
from mtl_ase.suites.estimate import duration
from mtl_ase.suites.result import Result, Results
from mtl_ase.suites.suite_run import SuiteRun
from mtl_ase.sweeps import Job

Say = Callable[[str], None]


class Runner:
    """Trains runs in folders of their own and writes down their results.

    A run with a result is done, wherever it ran. One that was interrupted goes on from its last
    checkpoint, and one that failed is tried again.

    Args:
        runs: holds the run folders.
        results: what the runs reached.
        train: starts trainings.
        environments: of the trainings that run at once.
        say: prints a line on the progress.

    Attributes:
        failures: what went wrong, by the names of runs that failed.
    """

    def __init__(
        self,
        runs: Path,
        results: Results,
        train: Trainings,
        environments: Sequence[Environment],
        say: Say = print,
    ) -> None:
        self.runs, self.results, self.train = runs, results, train
        self.environments, self.say = environments, say
        self.failures: dict[str, str] = {}

    def run(self, wanted: Sequence[SuiteRun]) -> None:
        """Train all that have no result, those first that others start from.

        Raises:
            SystemExit: a signal stopped the trainings.
        """
        lacking = [run for run in wanted if self.results.get(run) is None]
        needed = [first for run in lacking for first in run.starts_from]
        folders = [run for run in needed if not self._job(run).is_done]
        independent = [run for run in lacking if not run.starts_from]
        firsts = {run.name: run for run in [*independent, *folders]}
        self._train(list(firsts.values()))
        self._train([run for run in lacking if run.starts_from and self._may_start(run)])

    def _train(self, runs: Sequence[SuiteRun]) -> None:
        begun = {run.name: self._job(run).folder.exists() for run in runs}
        by_folder = {self.runs / run.name: run for run in runs}
        for run in runs:
            job = self._job(run)
            job.clear_failure()
            if job.is_done:  # killed between its end and its result
                self._keep(run)
        waiting = [run for run in runs if not self._job(run).is_done]
        commands = ((self.runs / run.name, run.command_overrides(self.runs)) for run in waiting)
        for training in self.train.run_all(commands, self.environments):
            if training.exit_code in STOP_EXIT_CODES or self.train.received is not None:
                continue  # the others end, too
            run = by_folder[training.run]
            if self._job(run).is_done:
                whole = None if begun[run.name] else training.seconds
                self._keep(run, whole, training.megabytes)
            else:
                self._fail(run, training.exit_code)
        if self.train.received is not None:
            raise SystemExit(128 + self.train.received)

    def _keep(self, run: SuiteRun, seconds: float | None = None, megabytes: int = 0) -> None:
        """Write down the result of a run that has ended well."""
        self.results.put(run, Result.of(self._job(run), run, seconds, megabytes))
        took = "" if seconds is None else f" ({duration(seconds)})"
        self.say(f"done: {run.name}{took}")

    def _fail(self, run: SuiteRun, exit_code: int) -> None:
        """Write down why a run failed."""
        job = self._job(run)
        job.mark_failed(exit_code, job.files.output_log.read_text("utf-8", errors="replace"))
        self.failures[run.name] = job.failure or ""
        self.say(f"failed: {run.name}: {job.failure}")

    def _may_start(self, run: SuiteRun) -> bool:
        failed = [first.name for first in run.starts_from if not self._job(first).is_done]
        if failed:
            self.failures[run.name] = f"it starts from {failed[0]}, which failed"
        return not failed

    def _job(self, run: SuiteRun) -> Job:
        return Job(run.overrides, self.runs / run.name)


def environments(at_once: int | None) -> list[Environment]:
    """Environments for trainings at once: a GPU or an equal part of the cores for each.

    Args:
        at_once: how many; None: one for every GPU, without GPUs one for every core, at most four.
    """
    gpus = torch.cuda.device_count()
    cores = usable_cores()
    count = at_once or gpus or min(cores, 4)
    threads = {"OMP_NUM_THREADS": str(max(1, cores // count))}
    if not gpus:
        return [threads] * count
    return [threads | {"CUDA_VISIBLE_DEVICES": str(place % gpus)} for place in range(count)]
