"""What was meant by a misspelt option of a command line."""

from __future__ import annotations

import argparse
import difflib
import re


def closest_option(message: str, parser: argparse.ArgumentParser) -> str:
    """E.g. "did you mean --help? ", for argparse's message on an unknown option; else nothing."""
    typed = re.search(r"unrecognized arguments: (-[^\s=]+)", message)
    if typed is None:
        return ""
    known = [*re.findall(r"--[\w-]+", parser.format_usage()), "--help", "--trust", "--config-dir"]
    close = difflib.get_close_matches(typed[1], known, n=1)
    return f"did you mean {close[0]}? " if close else ""
