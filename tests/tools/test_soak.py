"""Memory and open files of a long training, measured from outside."""

from __future__ import annotations

import json

import pytest

from tests.conftest import Run


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_and_open_files_do_not_grow(script: Run) -> None:
    done = script("scripts/soak.py", "steps=2000", timeout=1700)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["looks"] > 50
    assert figures["megabytes_per_100_steps"] < 1
    early, late = figures["open_files"]
    assert late <= early


@pytest.mark.parametrize("arguments", [[], ["steps=many"], ["steps=5"]])
def test_wrong_use_prints_the_usage(here: Run, arguments: list[str]) -> None:
    done = here("scripts/soak.py", *arguments)
    assert done.returncode == 2
    assert "usage: python scripts/soak.py" in done.stderr
