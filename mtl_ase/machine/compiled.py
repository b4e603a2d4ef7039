"""Compiling loops over pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function, compiled by numba when it is first called, and kept on disk for the next time.

    Where neither the package's folder nor a home folder may be written to, as in a container with a
    read-only file system, it is compiled anew in every process.
    """
    dispatcher: Any
    try:
        dispatcher = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # there is no place for the cache
        dispatcher = numba.njit(nogil=True)(function)
    return dispatcher
