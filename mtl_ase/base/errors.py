"""The exceptions for what the user can mend: entry points print the sentence and exit with 2."""

from __future__ import annotations

import sys
from typing import NoReturn


class UserError(Exception):
    """Wrong use of the program: one sentence that says what, where, and the next step."""


class BadFile(UserError):
    """A file of a data set that can't be used; `data.on_bad_sample=skip` passes over it."""


def exit_with(sentence: str) -> NoReturn:
    """End the process for wrong use: one sentence on stderr, exit code 2."""
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(2)
