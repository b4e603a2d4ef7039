"""Options of the scripts: a wrong one is one sentence, as all wrong use is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from mtl_ase.base.errors import UserError, exit_with


class Options(argparse.ArgumentParser):
    """Python's parser, without the list of all options before its sentence."""

    def error(self, message: str) -> NoReturn:
        """End the process for wrong use."""
        exit_with(f"{message}; {self.prog} --help lists what there is.")


def make_folder(path: Path, option: str) -> None:
    """Make the folder that an option names, before the work whose result goes there.

    Raises:
        UserError: it can't be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{option} {path} can't be written to ({error.strerror}); give another one."
        ) from error


def whole_number(text: str) -> int:
    """A number of 0 or more, as an option's type."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def count(text: str) -> int:
    """A number of 1 or more, as an option's type."""
    if whole_number(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)
