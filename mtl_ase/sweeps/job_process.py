"""Running one job of a sweep as an ordinary training in a child process.

A crashing job therefore leaves the other jobs untouched, and in a job on several devices Lightning
can start the script again for every rank.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig

from mtl_ase.launch.child_training import STOP_EXIT_CODES, quoted, shell_exit_code, start_training
from mtl_ase.launch.parent_watch import end_with_parent
from mtl_ase.sweeps.job import Job
from mtl_ase.sweeps.job_folder import own_overrides
from mtl_ase.sweeps.overrides import as_typed, key_of

TAIL_BYTES = 8192
STDERR_TIMEOUT_S = 5.0


def run_in_process(program: Sequence[str], sweep: int) -> None:
    """Run Hydra's current job in a child process and wait for it; skip a job that is done.

    Args:
        program: arguments of the interpreter that start the training of the command line.
        sweep: PID of the process that runs the whole sweep.

    Raises:
        SystemExit: SIGTERM or SIGINT stopped the job, so the sweep stops too.
    """
    hydra = HydraConfig.get()
    job = Job(tuple(as_typed(hydra.overrides.task)), Path(hydra.runtime.output_dir))
    if job.is_done:
        return
    if os.getppid() == sweep:
        _end_with_launcher(sweep)
    job.clear_failure()
    print(f"job {hydra.job.num}: {job.folder}", flush=True)
    _log_event(job, "start")
    code, stderr = _run(_command(program, hydra, job))
    if code in STOP_EXIT_CODES:
        _log_event(job, "stopped")
        sentence = f"{job.folder} was stopped by a signal; run the same command again to continue."
        print(f"stopped: {sentence}", file=sys.stderr)
        raise SystemExit(code)
    if code == 0 and job.is_done:
        _log_event(job, "done")
    else:
        job.mark_failed(code, stderr)
        _log_event(job, "failed")


@functools.cache
def _end_with_launcher(sweep: int) -> None:
    """End a launcher's worker process when the sweep's process has ended."""
    end_with_parent(sweep)


def _command(program: Sequence[str], hydra: HydraConf, job: Job) -> list[str]:
    resume = [item for item in job.overrides if key_of(item) == "resume"] or ["resume=auto"]
    paths = [item for item in as_typed(hydra.overrides.hydra) if key_of(item) == "hydra.searchpath"]
    overrides = [*own_overrides(job.overrides), *resume, f"run_dir={quoted(job.folder)}", *paths]
    return [*program, *_sources(hydra), *overrides, "hydra.mode=RUN"]


def _sources(hydra: HydraConf) -> Sequence[str]:
    """The config name and the config folders of the sweep, as options of the command line."""
    options = {"main": "--config-path", "command-line": "--config-dir"}
    found = [
        f"{options[source.provider]}={source.path}"
        for source in hydra.runtime.config_sources
        if source.provider in options and source.schema == "file"
    ]
    return [f"--config-name={hydra.job.config_name}", *found]


def _run(command: Sequence[str]) -> tuple[int, str]:
    """The exit code (128 + the signal number after a signal) and the end of the stderr output."""
    process = start_training(command, stderr=subprocess.PIPE)
    assert process.stderr is not None
    tail = bytearray()
    reader = threading.Thread(target=_forward, args=(process.stderr, tail), daemon=True)
    reader.start()
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        code = 128 + signal.SIGINT
    reader.join(STDERR_TIMEOUT_S)
    return shell_exit_code(code), tail.decode(errors="replace")


def _forward(stream: IO[bytes], tail: bytearray) -> None:
    """Copy a stream to stderr, and its last bytes to `tail`."""
    with stream:
        while chunk := os.read(stream.fileno(), TAIL_BYTES):
            os.write(2, chunk)
            tail += chunk
            del tail[:-TAIL_BYTES]


def _log_event(job: Job, event: str) -> None:
    """Append a line to the sweep's jobs.log."""
    time = datetime.now().isoformat(timespec="seconds")
    with (job.folder.parent / "jobs.log").open("a", encoding="utf-8") as file:
        file.write(f"{time} {event} {job.folder.name}\n")
