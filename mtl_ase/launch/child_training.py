"""Trainings as child processes, as sweeps, searches and tools start them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from mtl_ase.base.installation import CHECKOUT, IN_CHECKOUT
from mtl_ase.launch.parent_watch import end_with_parent

PARENT_VARIABLE = "MTL_ASE_PARENT"
"""Environment variable that holds the PID of the process that started a training."""
TRAIN_SCRIPT = CHECKOUT / "train.py"
"""The script of a checkout, for its tools and benchmarks."""
TRAINING = (str(TRAIN_SCRIPT),) if IN_CHECKOUT else ("-P", "-m", "mtl_ase.entry_points.train")
"""Arguments of the interpreter that start a training; -P: not with modules of the working folder
in place of installed ones."""
STOP_EXIT_CODES = (128 + signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGHUP)
"""Exit codes of a training that saved its state and ended because of a signal."""


def start_training(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[bytes]:
    """Start a training as a child process that ends itself when this process ends.

    Args:
        arguments: arguments of the Python interpreter: the script and its overrides.
        environment: environment variables to set in addition to those of this process.
        options: keyword arguments of `subprocess.Popen`: streams, working directory, pass_fds.
    """
    variables = os.environ | {PARENT_VARIABLE: str(os.getpid())} | dict(environment or {})
    return subprocess.Popen([sys.executable, *arguments], env=variables, **options)


def this_program() -> list[str]:
    """Arguments of the interpreter that start this process's program again, in the same folder."""
    spec = sys.modules["__main__"].__spec__
    return [str(Path(sys.argv[0]).absolute())] if spec is None else ["-P", "-m", spec.name]


def end_with_starter() -> None:
    """Called in every training: end it when the process that called `start_training` has ended."""
    parent = os.environ.pop(PARENT_VARIABLE, None)
    if parent is not None:
        end_with_parent(int(parent))


def shell_exit_code(returncode: int) -> int:
    """A `Popen.returncode` as shells report it: 128 + the signal number after a signal."""
    return returncode if returncode >= 0 else 128 - returncode


def quoted(path: Path) -> str:
    """A path quoted for use as the value of a Hydra override; any character is allowed."""
    return QuotedString(text=str(path), quote=Quote.single).with_quotes()
