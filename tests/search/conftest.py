"""Searches with a function in place of real trainings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mtl_ase.search.command_line import CommandLine, read_command_line

Train = Callable[[Path, Sequence[str]], int]


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., CommandLine]:
    """Makes the command line of a search in the test's folder."""

    def make(trials: int, *more: str, metric: str = "a/score") -> CommandLine:
        own = [f"folder={tmp_path / 'search'}", f"trials={trials}", f"metric={metric}"]
        return read_command_line([*own, "x=uniform(-1,1)", "kind=choice(a,b)", *more])

    return make


@pytest.fixture
def train() -> Train:
    """A training whose score is best at x = 0.3 with kind b."""

    def run(folder: Path, overrides: Sequence[str]) -> int:
        given = dict(override.split("=") for override in overrides)
        folder.mkdir(parents=True, exist_ok=True)
        score = -((float(given["x"]) - 0.3) ** 2) - (given["kind"] == "a")
        (folder / "metrics.json").write_text(json.dumps({"a/score": score}))
        return 0

    return run
