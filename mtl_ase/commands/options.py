"""Command line options of the scripts; errors are one sentence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mtl_ase.base.errors import UserError, exit_with
from mtl_ase.config import closest_option, exit_on_wrong_use, take_own_parts
from mtl_ase.config.own_parts import HELP


class Options(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence without the usage."""

    def add_overrides(self) -> None:
        """Add overrides of the config, with the user's own configs and code."""
        self.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="e.g. data.root=DIR")
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        self.epilog = HELP

    def given(self) -> argparse.Namespace:
        """What is on the command line; `overrides` also has the folder of `--config-dir`."""
        arguments = exit_on_wrong_use(lambda: take_own_parts(sys.argv[1:]))
        return self.parse_intermixed_args(arguments)

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and the message."""
        exit_with(
            f"{message}; {closest_option(message, self)}{self.prog} --help lists what there is."
        )


def exit_if_asked_for_help(arguments: Sequence[str], usage: str) -> None:
    """Print the usage and exit with code 0, if -h or --help is among the arguments."""
    if {"-h", "--help"} & set(arguments):
        print(f"usage: {usage}")
        sys.exit(0)


def make_folder(path: Path, option: str) -> None:
    """Create an output folder given by an option, before the work starts.

    Raises:
        UserError: it can't be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{option} {path} can't be written to ({error.strerror}); give another one."
        ) from error


def whole_number(text: str) -> int:
    """Argument type: an integer of at least 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def count(text: str) -> int:
    """Argument type: an integer of at least 1."""
    if whole_number(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)
