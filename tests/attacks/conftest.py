"""What the attacks by wrong use share."""

from __future__ import annotations

import runpy
import sys
import warnings
from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

from tests.conftest import ROOT

Refused = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Runs a script in this process and gives its sentence; anything but wrong use fails."""

    def run(path: str, *arguments: str) -> str:
        command = [str(ROOT / path), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(SystemExit) as ended:
                runpy.run_path(command[0], run_name="__main__")
        lines = capsys.readouterr().err.strip().splitlines()
        sentences = [line for line in lines if line.startswith("error: ")]
        assert ended.value.code == 2, lines
        assert sentences == lines[-1:], lines
        assert "Traceback" not in "".join(lines)
        return sentences[0]

    return run


def some(names: Iterable[str], quick: Collection[str]) -> list[Any]:
    """All of them as parameters; those that are not to be run every time are slow."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]
