"""A job of a sweep as a process of its own: an ordinary run, whoever launches it.

So a job that crashes takes no other one with it, and one on several devices may start itself anew
in every process, as Lightning does.
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

from mtl_ase.launch.child_training import PARENT, STOPPED, exit_code, quoted
from mtl_ase.launch.parent_watch import end_with_parent
from mtl_ase.sweeps.job import Job
from mtl_ase.sweeps.job_folder import own_overrides
from mtl_ase.sweeps.overrides import as_typed, key_of

TAIL_BYTES = 8192
LAST_WORDS_S = 5.0


def end_with_sweep() -> None:
    """In a job: end when the process that started it is gone."""
    parent = os.environ.pop(PARENT, None)
    if parent is not None:
        end_with_parent(int(parent))


def run_in_process(script: Path, sweep: int) -> None:
    """Run the job that Hydra is at, unless it is done, and wait for it.

    Args:
        script: that the command line runs.
        sweep: number of the process that runs the whole sweep.

    Raises:
        SystemExit: the job was told to end, so the sweep ends too.
    """
    hydra = HydraConfig.get()
    job = Job(tuple(as_typed(hydra.overrides.task)), Path(hydra.runtime.output_dir))
    if job.is_done:
        return
    if os.getppid() == sweep:
        _end_with_launcher(sweep)
    job.forget_failure()
    print(f"job {hydra.job.num}: {job.folder}", flush=True)
    _note(job, "start")
    code, said = _wait_for(_command(script, hydra, job))
    if code in STOPPED:
        _note(job, "stopped")
        sentence = f"{job.folder} was told to end; run the same command again to go on."
        print(f"stopped: {sentence}", file=sys.stderr)
        raise SystemExit(code)
    if code == 0 and job.is_done:
        _note(job, "done")
    else:
        job.fail(_ending(code), said)
        _note(job, "failed")


@functools.cache
def _end_with_launcher(sweep: int) -> None:
    """In a worker process, which the end of the sweep would leave behind."""
    end_with_parent(sweep)


def _command(script: Path, hydra: HydraConf, job: Job) -> list[str]:
    resume = [item for item in job.overrides if key_of(item) == "resume"] or ["resume=auto"]
    paths = [item for item in as_typed(hydra.overrides.hydra) if key_of(item) == "hydra.searchpath"]
    overrides = [*own_overrides(job.overrides), *resume, f"run_dir={quoted(job.folder)}", *paths]
    return [sys.executable, str(script), *_sources(hydra), *overrides, "hydra.mode=RUN"]


def _sources(hydra: HydraConf) -> Sequence[str]:
    """Where the configs come from, if the command line said so."""
    options = {"main": "--config-path", "command-line": "--config-dir"}
    found = [
        f"{options[source.provider]}={source.path}"
        for source in hydra.runtime.config_sources
        if source.provider in options and source.schema == "file"
    ]
    return [f"--config-name={hydra.job.config_name}", *found]


def _wait_for(command: Sequence[str]) -> tuple[int, str]:
    """The exit code, 128 + the number of a signal, and the last that was said on stderr."""
    environment = {**os.environ, PARENT: str(os.getpid())}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = bytearray()
    reader = threading.Thread(target=_pass_on, args=(process.stderr, said), daemon=True)
    reader.start()
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        code = 128 + signal.SIGINT
    reader.join(LAST_WORDS_S)
    return exit_code(code), said.decode(errors="replace")


def _pass_on(stream: IO[bytes], said: bytearray) -> None:
    with stream:
        while chunk := os.read(stream.fileno(), TAIL_BYTES):
            os.write(2, chunk)
            said += chunk
            del said[:-TAIL_BYTES]


def _ending(code: int) -> str:
    if code == 0:
        return "exit code 0, but no DONE"
    if code == 128 + signal.SIGKILL:
        return "killed by SIGKILL"
    return f"exit code {code}"


def _note(job: Job, event: str) -> None:
    """Add a line to the sweep's jobs.log."""
    time = datetime.now().isoformat(timespec="seconds")
    with (job.folder.parent / "jobs.log").open("a", encoding="utf-8") as file:
        file.write(f"{time} {event} {job.folder.name}\n")
