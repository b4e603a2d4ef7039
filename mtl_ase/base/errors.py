"""Exceptions for errors that the user can correct; entry points print them and exit with code 2."""

from __future__ import annotations

import sys
from typing import NoReturn


class UserError(Exception):
    """Wrong use of the program; the message is one sentence: what, where, and the next step."""


class BadFile(UserError):
    """A missing or unreadable data file; `data.on_bad_sample=skip` leaves out such files."""


def exit_with(sentence: str) -> NoReturn:
    """Print an error message to stderr and end the process with exit code 2."""
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(2)
