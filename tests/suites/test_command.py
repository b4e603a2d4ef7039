"""The command line of reproduce.py, and a whole suite that is killed twice on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, Run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "usage: python scripts/reproduce.py"),
        (["setting=scenes"], "usage: python scripts/reproduce.py"),
        (["table9"], "there is no suite table9"),
        (["table1", "setting=mars"], "setting=mars is no setting"),
        (["table1", "seeds=one"], "seeds=one is no list of numbers"),
        (["table1", "quick=maybe"], "quick=maybe is neither true nor false"),
        (["table1", "quick=true", "budget=full"], "quick=true is budget=quick"),
        (["table1", "budget=huge"], "budget=huge is none of full, double, compare, short, quick"),
        (["table1", "rows=ours"], "rows=ours is no row of the suite"),
        (["table1", "export=k8s"], "export=k8s is none of make, slurm"),
    ],
)
def test_wrong_use_is_one_sentence(here: Run, arguments: list[str], sentence: str) -> None:
    said = here("scripts/reproduce.py", *arguments)
    assert said.returncode == 2
    assert said.stderr.startswith(f"error: {sentence}")
    assert said.stderr.count("\n") == 1


def test_a_dry_run_prints_commands_and_hours(here: Run, tmp_path: Path) -> None:
    arguments = ["table1", "setting=pascal", "dry_run=true", "seeds=0", f"output={tmp_path}"]
    rows = "rows=stl_resnet18,mtan,cross_stitch"
    said = here("scripts/reproduce.py", *arguments, rows, "data.root=/data/PASCAL_MT")
    assert said.returncode == 0, said.stderr
    commands = [line for line in said.stdout.splitlines() if not line.startswith("#")]
    assert len(commands) == 5 + 2
    assert all(line.startswith("python train.py setting=paper experiment=") for line in commands)
    assert all("data.root=/data/PASCAL_MT" in line for line in commands)
    assert "hours one after another at 40 % of 150 TFLOP/s" in said.stdout
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_suite_killed_twice_goes_on(tmp_path: Path, tiny: list[str]) -> None:
    output = tmp_path / "out"
    arguments = ["fig2", "seeds=0", "rows=stl_vit,lora_moe_16,ase_16", f"output={output}"]
    arguments += [item for item in tiny if not item.startswith("setting=")]
    command = [sys.executable, str(ROOT / "scripts/reproduce.py"), *arguments, "budget=quick"]
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        while not process.stdout.readline().startswith("done: "):
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(120) in (-signal.SIGKILL, 128 + signal.SIGTERM)
        process.stdout.close()
        time.sleep(1)
    there = len(list((output / "results").glob("*.json")))
    assert 2 <= there < 7
    ended = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr
    assert f"{there} of 7 runs are there" in ended.stdout
    table = (output / "fig2_quick.md").read_text()
    assert ended.stdout.endswith(table)
    assert "Missing: naive shared" in table
    assert (output / "fig2_quick.svg").is_file()
