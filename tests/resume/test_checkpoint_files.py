"""Checkpoint files: whole or not there, never read when damaged, one to fall back on."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.training.checkpoint_files import (
    DamagedCheckpoint,
    copy_checkpoint,
    newest_good,
    previous,
    read_checkpoint,
    write_checkpoint,
)


def state(step: int) -> dict:
    return {"global_step": step, "state_dict": {"w": torch.full((40, 50), float(step))}}


def step_of(path: Path) -> int:
    content = read_checkpoint(path)
    assert (content["state_dict"]["w"] == content["global_step"]).all()
    return content["global_step"]


@pytest.fixture
def last(tmp_path: Path) -> Path:
    """The third of three checkpoints of a run."""
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    for step in (1, 2, 3):
        write_checkpoint(state(step), path)
    return path


def test_the_newest_is_read_and_the_one_before_is_kept(last: Path) -> None:
    assert step_of(last) == 3
    assert step_of(previous(last)) == 2
    assert {path.name for path in last.parent.iterdir()} == {
        "last.ckpt",
        "last.previous.ckpt",
        "manifest.json",
    }


def damages(content: bytes) -> list[bytes]:
    """20 truncations and 50 flipped bits."""
    rng = random.Random(0)
    cut = [content[: rng.randrange(len(content))] for _ in range(20)]
    flipped = []
    for _ in range(50):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        flipped.append(bytes(damaged))
    return cut + flipped


def test_no_damaged_checkpoint_is_loaded(last: Path) -> None:
    whole = last.read_bytes()
    for damaged in damages(whole):
        last.write_bytes(damaged)
        with pytest.raises(DamagedCheckpoint):
            read_checkpoint(last)
        with pytest.warns(UserWarning, match=r"last\.ckpt is damaged.*last\.previous\.ckpt"):
            assert newest_good([last, previous(last)]) == previous(last)
    last.unlink()
    assert RunFolder(last.parents[1]).checkpoint_to_resume("auto") == previous(last)


def test_when_all_are_damaged_nothing_is_loaded(last: Path) -> None:
    for path in (last, previous(last)):
        path.write_bytes(path.read_bytes()[:-1])
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(DamagedCheckpoint, match="start anew with another run_dir"),
    ):
        RunFolder(last.parents[1]).checkpoint_to_resume("auto")
    with pytest.raises(DamagedCheckpoint, match="is damaged"):
        RunFolder(last.parents[1]).checkpoint_to_resume(str(last))


def test_a_damaged_manifest_is_said(last: Path) -> None:
    (last.parent / "manifest.json").write_text("{")
    with pytest.raises(DamagedCheckpoint, match=r"manifest\.json can't be read; delete it"):
        read_checkpoint(last)
    (last.parent / "manifest.json").unlink()
    assert step_of(last) == 3


def test_other_names_are_known_as_long_as_they_last(last: Path) -> None:
    best = last.with_name("best.ckpt")
    copy_checkpoint(last, best)
    for step in range(4, 12):
        write_checkpoint(state(step), last)
    assert step_of(best) == 3
    assert not previous(best).exists()
    by_hand = last.with_name("mine.ckpt")
    by_hand.write_bytes(last.read_bytes())
    assert step_of(by_hand) == 11


@pytest.mark.parametrize("room", [0, 100, 3000])
def test_a_full_disk_leaves_the_one_before(last: Path, room: int) -> None:
    """The system refuses files of more than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(UserError, match=r"too large.*the checkpoint before it is untouched"):
            write_checkpoint(state(4), last)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert step_of(last) == 3
    assert step_of(previous(last)) == 2
    assert not list(last.parent.glob(".*"))


NOBODY = 65534


@contextlib.contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """A folder that may be read only; root, who may write anywhere, becomes somebody else."""
    me = os.geteuid()
    folder.chmod(0o555)
    if me == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(me)
        folder.chmod(0o755)


def test_a_folder_that_may_only_be_read_leaves_the_one_before() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        last = folder / "last.ckpt"
        write_checkpoint(state(1), last)
        with (
            without_rights(folder),
            pytest.raises(UserError, match=r"Permission denied.*is untouched.*permissions"),
        ):
            write_checkpoint(state(2), last)
        assert step_of(last) == 1
        assert {path.name for path in folder.iterdir()} == {"last.ckpt", "manifest.json"}


def test_a_missing_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is no checkpoint; give never, auto or a file's path"):
        RunFolder(tmp_path).checkpoint_to_resume(str(tmp_path / "gone.ckpt"))
    assert RunFolder(tmp_path).checkpoint_to_resume("auto") is None


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file")
    with pytest.raises(UserError, match="can't be written"):
        write_checkpoint(state(1), tmp_path / "checkpoints" / "last.ckpt")


def test_an_error_raised_meanwhile_is_not_taken_for_a_failed_write(tmp_path: Path) -> None:
    """A DataLoader raises in the midst of anything when one of its workers is killed."""

    class Interrupted:
        def __reduce__(self) -> tuple:
            raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Killed.")

    last = tmp_path / "last.ckpt"
    write_checkpoint(state(1), last)
    with pytest.raises(RuntimeError, match="worker") as raised:
        write_checkpoint(state(2) | {"interrupted": Interrupted()}, last)
    assert type(raised.value) is RuntimeError
    assert step_of(last) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"last.ckpt", "manifest.json"}


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {tmp_path / 'owned'}",)

    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": Evil()}, path)
    with pytest.raises(DamagedCheckpoint, match="can't be read as a checkpoint"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DamagedCheckpoint, match="can't be read as a checkpoint"):
        read_checkpoint(path)
    assert not (tmp_path / "owned").exists()


WRITE = """
import sys, time
from pathlib import Path
import torch
from mtl_ase.training import checkpoint_files
written = checkpoint_files._Hashing.write
def slowly(self, content):
    time.sleep(0.002)
    return written(self, content)
checkpoint_files._Hashing.write = slowly
path = Path(sys.argv[1])
step = checkpoint_files.read_checkpoint(path)["global_step"] if path.is_file() else 0
print("ready", flush=True)
while True:
    step += 1
    weights = {str(n): torch.full((30, 30), float(step)) for n in range(8)}
    checkpoint_files.write_checkpoint({"global_step": step, "state_dict": weights}, path)
"""


@pytest.mark.slow
def test_kills_while_it_is_written_never_tear_it(tmp_path: Path) -> None:
    """Writing takes nearly all the time; killed again and again, the steps only grow."""
    path, rng, reached = tmp_path / "checkpoints" / "last.ckpt", random.Random(0), 0
    command = [sys.executable, "-W", "ignore", "-c", WRITE, str(path)]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.05, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if path.is_file():
            content = read_checkpoint(path)
            assert content["global_step"] >= reached
            reached = content["global_step"]
            assert all((w == reached).all() for w in content["state_dict"].values())
    assert reached > 1
    assert list(path.parent.glob(".*.draft")), "a kill leaves a draft"
    RunFolder(tmp_path).checkpoint_to_resume("auto")
    assert not list(path.parent.glob(".*.draft")), "the next start removes it"
