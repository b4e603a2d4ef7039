"""What --help and --cfg may not import, since it takes seconds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SLOW = ("torch", "lightning", "torchmetrics", "torchvision", "timm", "scipy", "matplotlib", "cv2")
FILES = [*ROOT.glob("*.py"), *ROOT.glob("scripts/*.py")]
SCRIPTS = sorted(str(path.relative_to(ROOT)) for path in FILES)
TELLING = """
import json, runpy, sys
script, slow = sys.argv.pop(1), sys.argv.pop(1).split(",")
sys.argv[0] = script
try:
    runpy.run_path(script, run_name="__main__")
except SystemExit as stop:
    assert not stop.code, stop.code
finally:
    print()
    print(json.dumps([name for name in slow if name in sys.modules]))
"""


def slow_imports(script: str, *arguments: str) -> list[str]:
    """What of `SLOW` a command imports before it is done."""
    command = [sys.executable, "-c", TELLING, script, ",".join(SLOW), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_imports_nothing_slow(script: str) -> None:
    assert slow_imports(script, "--help") == []


@pytest.mark.parametrize("experiment", ["ase_finegrained", "demo"])
def test_showing_the_config_imports_nothing_slow(experiment: str) -> None:
    assert slow_imports("train.py", f"experiment={experiment}", "--cfg", "job") == []


def test_a_wrong_override_is_told_without_waiting() -> None:
    command = TELLING.replace("assert not stop.code, stop.code", "assert stop.code == 2")
    given = [sys.executable, "-c", command, "train.py", ",".join(SLOW), "trainer.max_stepss=1"]
    done = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "did you mean trainer.max_steps?" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
