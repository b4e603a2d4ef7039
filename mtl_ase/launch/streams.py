"""Keeps a run alive when its output can't be written: a closed pipe, an unencodable character."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

GONE = (errno.EPIPE, errno.EIO)
"""Errors of writing to a closed pipe (EPIPE) or a closed terminal (EIO)."""


def outlive_readers() -> None:
    """Make training continue when the reader of its output exits, as with `| head`.

    Characters that the terminal can't encode are printed as escapes. Standard streams that are
    closed at the start are opened as /dev/null; otherwise the next opened file would get their file
    descriptor, and libraries would print into it.
    """
    _fill_closed()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream is not getattr(sys, f"__{name}__"):
            continue  # closed, or already replaced (e.g. by a test runner)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, cast(TextIO, _SurvivingStream(stream)))


class _SurvivingStream:
    """A text stream that is redirected to /dev/null when its reader is gone.

    Args:
        stream: a standard stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or discard the text if the reader is gone."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or discard the buffer if the reader is gone."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            if error.errno not in GONE:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # also for what is still in the buffer
            os.close(nowhere)


def _fill_closed() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor, which is this one
