"""What is printed must not end the program: a reader that went away, a letter it can't show."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

GONE = (errno.EPIPE, errno.EIO)
"""The reader of a pipe has ended; the terminal was closed."""


def outlive_readers() -> None:
    """See to it that a training goes on when nobody reads what it prints, as with `| head`.

    Letters that the terminal's encoding lacks are printed as escapes. Streams that were closed from
    the start become /dev/null, or the next file to be opened would take their number, and what
    libraries print would be written into it.
    """
    _fill_closed()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream is not getattr(sys, f"__{name}__"):
            continue  # closed, or replaced by someone who knows why
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, cast(TextIO, _Outliving(stream)))


class _Outliving:
    """A text stream that goes on as /dev/null when its reader is gone.

    Args:
        stream: a standard stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or drop the text where nobody reads it."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what is buffered where nobody reads it."""
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
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
