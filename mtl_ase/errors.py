"""The one exception for wrong use: entry points print its sentence and exit with code 2."""

from __future__ import annotations


class UserError(Exception):
    """Wrong use of the program: one sentence that says what, where, and the next step."""
