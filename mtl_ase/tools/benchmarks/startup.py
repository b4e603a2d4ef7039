"""Benchmark of starting: how long commands take that compute nothing, and a run of three steps."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from mtl_ase.base.run_files import RunFiles
from mtl_ase.launch.child_training import TRAIN_SCRIPT
from mtl_ase.tools.benchmarks.interleaved import interleave

ROUNDS = 5
TORCH, HELP, CONFIG = "import torch", "train.py --help", "train.py --cfg job"
STEPS = 3


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Commands in new processes, timed alternately, and one run of three steps.

    Args:
        config: the whole config; its overrides are those of the run.

    Returns:
        Median seconds of the commands; seconds from the start of the run to its first step and to
        DONE; `ratio` is `train.py --help` over importing torch.
    """
    given = list(HydraConfig.get().overrides.task)
    ways = {
        TORCH: lambda _: _run("-c", TORCH),
        HELP: lambda _: _run(str(TRAIN_SCRIPT), "--help"),
        CONFIG: lambda _: _run(str(TRAIN_SCRIPT), *given, "--cfg", "job"),
    }
    timings = interleave(ways, range(ROUNDS))
    seconds = {name: round(timing.median_s, 3) for name, timing in timings.items()}
    with tempfile.TemporaryDirectory() as folder:
        first, done = time_run(given, Path(folder) / "run")
    return {
        "run": given,
        "seconds": seconds,
        "seconds to the first step": round(first, 1),
        f"seconds to DONE after {STEPS} steps": round(done, 1),
        "ratio": round(seconds[HELP] / seconds[TORCH], 3),
    }


def time_run(overrides: Sequence[str], folder: Path) -> tuple[float, float]:
    """Seconds from the start of a run of three steps to its first step, and to DONE."""
    own = [f"trainer.max_steps={STEPS}", f"run_dir={folder}", "trainer.log_every_n_steps=1"]
    start, log = time.perf_counter(), RunFiles(folder).log
    process = subprocess.Popen(
        [sys.executable, str(TRAIN_SCRIPT), *overrides, *own], stdout=subprocess.DEVNULL
    )
    while process.poll() is None and not log.is_file():
        time.sleep(0.05)
    first = time.perf_counter() - start
    if process.wait() or not RunFiles(folder).done.is_file():
        raise RuntimeError(f"the run ended with exit code {process.returncode}")
    return first, time.perf_counter() - start


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
