"""What a sweep or a search and the training that it starts agree on."""

from __future__ import annotations

import signal
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

PARENT = "MTL_ASE_PARENT"
"""Variable that tells a training which process started it."""
STOPPED = (128 + signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGHUP)
"""Exit codes of a training that a signal ended, its state saved."""


def exit_code(code: int) -> int:
    """A process's exit code as shells have it: 128 + the signal if one ended it."""
    return code if code >= 0 else 128 - code


def quoted(path: Path) -> str:
    """A path as the value of an override, whatever characters it has."""
    return QuotedString(text=str(path), quote=Quote.single).with_quotes()
