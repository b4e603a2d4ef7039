"""Real trainings that are killed at random moments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_killed_run_ends_like_an_undisturbed_one(script: Run, tmp_path: Path) -> None:
    done = script(
        "scripts/torture.py", "kills=5", "epochs=40", "stops=1", f"tmpdir={tmp_path}", timeout=1500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["kills"] == 5
    assert figures["exit_codes_of_sigterm"] == [143]
    assert figures["same_weights"]
    assert figures["same_logs"]
    assert figures["steps"] == 240
    assert figures["torn_checkpoints"] == 0
    assert figures["litter"] == []


@pytest.mark.parametrize("arguments", [[], ["kills=many"], ["kills=1", "speed=2"]])
def test_wrong_use_prints_the_usage(here: Run, arguments: list[str]) -> None:
    done = here("scripts/torture.py", *arguments)
    assert done.returncode == 2
    assert "usage: python scripts/torture.py" in done.stderr
    assert "Traceback" not in done.stderr
