"""Trainings as child processes: how sweeps, searches and tools start one and read its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from mtl_ase.launch.parent_watch import end_with_parent

PARENT = "MTL_ASE_PARENT"
"""Environment variable that tells a training which process started it."""
TRAIN = Path(__file__).parents[2] / "train.py"
STOPPED = (128 + signal.SIGTERM, 128 + signal.SIGINT)
"""Exit codes of a training that a signal ended after its state was saved."""


def start_training(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a training in a process of its own, which ends when this process is gone.

    Args:
        arguments: of the Python interpreter: the script and its overrides.
        environment: variables to set besides those of this process.
        options: of `subprocess.Popen`: streams, working directory, inherited files.
    """
    variables = os.environ | {PARENT: str(os.getpid())} | dict(environment or {})
    return subprocess.Popen([sys.executable, *arguments], env=variables, **options)


def end_with_starter() -> None:
    """In a training: end when the process that started it by `start_training` is gone."""
    parent = os.environ.pop(PARENT, None)
    if parent is not None:
        end_with_parent(int(parent))


def exit_code(code: int) -> int:
    """A process's exit code as shells have it: 128 + the signal if one ended it."""
    return code if code >= 0 else 128 - code


def quoted(path: Path) -> str:
    """A path as the value of an override, whatever characters it has."""
    return QuotedString(text=str(path), quote=Quote.single).with_quotes()
