"""Streams and terminals: what is printed ends no program; see docs/security."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mtl_ase.base.folding_table import FoldingTable

ROOT = Path(__file__).parents[2]
STREAMS = ROOT / "mtl_ase/launch/streams.py"


def program(text: str, before: str = "") -> list[str]:
    """A program that prints under `outlive_readers`."""
    use = f"import os, runpy, sys; runpy.run_path({str(STREAMS)!r})['outlive_readers']()\n"
    return [sys.executable, "-c", before + use + text]


LOUD = "for k in range(100_000): print('line', k, flush=k % 7 == 0)\nopen(sys.argv[1], 'w').close()"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_ends_no_program(tmp_path: Path, stream: str) -> None:
    """As `python train.py | head -1` does."""
    text = LOUD.replace("flush", f"file=sys.{stream}, flush")
    other = "stderr" if stream == "stdout" else "stdout"
    pipes: dict[str, Any] = {stream: subprocess.PIPE, other: subprocess.DEVNULL}
    process = subprocess.Popen([*program(text), str(tmp_path / "DONE")], **pipes)
    pipe = getattr(process, stream)
    assert pipe.readline() == b"line 0\n"
    pipe.close()
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "DONE").exists()


def test_a_full_disk_behind_the_output_is_not_passed_over(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs Linux's /dev/full")
    with Path("/dev/full").open("w") as full:
        command = [*program(LOUD), str(tmp_path / "DONE")]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert not (tmp_path / "DONE").exists()


CLOSED = """
print('lost'); sys.stdin and sys.stdin.read()
with open(sys.argv[1], 'w') as file:
    assert file.fileno() > 2, file.fileno()
    os.write(1, b'from a library'); os.write(2, b'from a library')
    file.write('mine')
"""


def test_streams_that_are_closed_from_the_start_are_no_files(tmp_path: Path) -> None:
    """The next file to be opened would be number 1, and what libraries print land in it."""
    file = tmp_path / "checkpoint"
    command = ["sh", "-c", f'"$@" {file} <&- >&- 2>&-', "sh", *program(CLOSED)]
    assert subprocess.run(command, timeout=60).returncode == 0
    assert file.read_text() == "mine"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_letters_that_the_terminal_lacks_are_printed_as_escapes(encoding: str) -> None:
    done = subprocess.run(
        program("print('run folder: /daten/ö/猫')"),
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    expected = "run folder: /daten/ö/猫\n".encode(encoding, errors="backslashreplace")
    assert done.stdout == expected


@pytest.mark.parametrize("width", [40, 20, 16])
def test_a_narrow_terminal_loses_no_digit(width: int) -> None:
    table = FoldingTable("metric", "better", title="Results")
    table.add_column("ase", justify="right")
    table.add_row("semseg/miou", "up", "87.6543")
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(table)
    lines = console.export_text().splitlines()
    cells = ["".join(parts) for parts in zip(*(line.split("│") for line in lines if "│" in line))]  # noqa: B905
    assert "".join(cells[-2].split()) == "87.6543"
    assert "".join(cells[1].split()) == "semseg/miou"


@pytest.mark.slow
def test_a_training_outlives_who_reads_its_output(tiny: list[str], tmp_path: Path) -> None:
    arguments = [*tiny, "experiment=ase", "trainer.max_steps=2", f"run_dir={tmp_path / 'run'}"]
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=300) == 0
    assert (tmp_path / "run/DONE").exists()
    assert (tmp_path / "run/metrics.json").exists()
