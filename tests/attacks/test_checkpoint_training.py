"""Attacks on a training: its folder removed, clocks, signals, killed workers."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_module, build_network, build_tasks
from mtl_ase.training import CheckpointFiles, CSVLog, LastCheckpoint, RouterLog, Stopped
from mtl_ase.training.checkpoint_files import read_checkpoint, write_checkpoint
from tests.conftest import Compose

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*dataloader is not resumable"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:.*val_dataloader:UserWarning"),
]

Train = Callable[..., Path]
STEPS = 5


class At(pl.Callback):
    """Does something when a batch begins, so many batches being done."""

    def __init__(self, step: int, act: Callable[[], object]) -> None:
        self.step, self.act = step, act

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Act if it is time."""
        if trainer.fit_loop.total_batch_idx == self.step:
            self.act()


@pytest.fixture(scope="module")
def small(composed: Compose, tiny: list[str]) -> DictConfig:
    return composed("experiment=ase", *tiny, "tasks=[semseg,saliency]")


@pytest.fixture
def train(small: DictConfig, tmp_path: Path) -> Train:
    """Trains for five steps while something happens; the folder of the run."""

    def run(act: Callable[[Path], object] | None = None, at: int = 3) -> Path:
        return _train(small, tmp_path / "run", act, at)

    return run


def _train(
    small: DictConfig, folder: Path, act: Callable[[Path], object] | None = None, at: int = 3
) -> Path:
    folder.mkdir(exist_ok=True)
    last = folder / "checkpoints" / "last.ckpt"
    pl.seed_everything(0, verbose=False)
    tasks = build_tasks(small)
    module = build_module(small, tasks, build_network(small, tasks))
    callbacks: list[pl.Callback] = [] if act is None else [At(at, lambda: act(folder))]
    callbacks += [LastCheckpoint(last, every_n_steps=1), RouterLog(folder, 1)]
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=STEPS,
        limit_val_batches=0,
        logger=[CSVLog(folder)],
        callbacks=callbacks,
        plugins=[CheckpointFiles()],
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        default_root_dir=folder,
    )
    there = last if last.is_file() else None
    trainer.fit(module, datamodule=build_data(small, tasks), ckpt_path=there, weights_only=True)
    trainer.save_checkpoint(folder / "end.ckpt")
    return folder


def same(first: Path, second: Path) -> bool:
    """Whether two runs ended with the same weights and logs."""
    a, b = (read_checkpoint(run / "end.ckpt")["state_dict"] for run in (first, second))
    logs = ("metrics.csv", "router.csv")
    return a.keys() == b.keys() and all(
        [
            *(torch.equal(a[name], b[name]) for name in a),
            *((first / name).read_bytes() == (second / name).read_bytes() for name in logs),
        ]
    )


@pytest.fixture(scope="module")
def calm(small: DictConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing happened to."""
    return _train(small, tmp_path_factory.mktemp("calm") / "run")


def _send(*numbers: int) -> Callable[[Path], None]:
    def send(_: Path) -> None:
        for number in numbers:
            os.kill(os.getpid(), number)

    return send


SIGNALS = {
    "SIGHUP": (signal.SIGHUP,),
    "SIGINT": (signal.SIGINT,),
    "two SIGTERMs": (signal.SIGTERM, signal.SIGTERM),
    "SIGTERM, then SIGINT": (signal.SIGTERM, signal.SIGINT),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_end_a_run_that_goes_on_as_if_nothing_was(
    train: Train, calm: Path, name: str
) -> None:
    numbers = SIGNALS[name]
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        with pytest.raises(Stopped) as caught:
            train(_send(*numbers))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert caught.value.code == 128 + numbers[0]
    assert same(calm, train())


def test_sighup_that_nohup_ignores_stays_ignored(train: Train, calm: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert same(calm, train(_send(signal.SIGHUP)))
    finally:
        signal.signal(signal.SIGHUP, before)


def _stop_and_continue(_: Path) -> None:
    helper = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -CONT {os.getpid()}"])
    os.kill(os.getpid(), signal.SIGSTOP)
    helper.wait()


def test_a_run_that_was_stopped_and_continued_ends_the_same(train: Train, calm: Path) -> None:
    begin = time.monotonic()
    folder = train(_stop_and_continue)
    assert time.monotonic() - begin > 0.5
    assert same(calm, folder)


def test_a_clock_that_goes_back_changes_nothing(
    train: Train, calm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backwards = itertools.count(2e9, -3600)
    monkeypatch.setattr(time, "time", lambda: next(backwards))
    assert same(calm, train())


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _replace(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("mine")


def _log_becomes_a_folder(folder: Path) -> None:
    (folder / "metrics.csv").unlink()
    (folder / "metrics.csv").mkdir()


def _checkpoints_become_a_file(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoints")
    (folder / "checkpoints").write_text("mine")


def _remove_routers(folder: Path) -> None:
    (folder / "router.csv").unlink()
    (folder / "router.csv").mkdir()


FOLDERS: dict[str, Callable[[Path], None]] = {
    "removed": _remove,
    "replaced by a file": _replace,
    "its log replaced by a folder": _log_becomes_a_folder,
    "its routers' log replaced by a folder": _remove_routers,
    "its checkpoints replaced by a file": _checkpoints_become_a_file,
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_run_whose_folder_is_taken_away_says_so(train: Train, tmp_path: Path, name: str) -> None:
    """It ends, neither silently going on without logs nor with a traceback."""
    done: list[str] = []
    with pytest.raises(UserError, match=r"can't be written.*run the same command again"):
        train(lambda folder: (FOLDERS[name](folder), done.append(name)))
    assert done
    for path in (tmp_path / "run", tmp_path / "run" / "checkpoints"):
        assert not path.is_file() or path.read_text() == "mine"


def _kill_a_worker(_: Path) -> None:
    """Kill one and wait for its death, unreaped: torch's handler of SIGCHLD raises here.

    Anywhere later it could raise inside C++ code that then ends the whole process.
    """
    workers = multiprocessing.active_children()
    assert workers
    worker = next(child.pid for child in workers if child.pid)
    os.kill(worker, signal.SIGKILL)
    os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_killed_loader_worker_ends_the_run_which_then_goes_on(
    train: Train, calm: Path, small: DictConfig
) -> None:
    """It does not wait for ever for what no worker will bring."""
    small.data.num_workers = 1
    try:
        with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid.*(killed|exited)"):
            train(_kill_a_worker, 1)
    finally:
        small.data.num_workers = 0
    assert same(calm, train())


def test_a_checkpoint_of_the_same_shapes_but_other_names_is_refused(
    train: Train, tmp_path: Path
) -> None:
    folder = train()
    last = folder / "checkpoints" / "last.ckpt"
    content = read_checkpoint(last)
    weights = content["state_dict"]
    content["state_dict"] = {f"x{name}": value for name, value in weights.items()}
    write_checkpoint(content, last)
    with pytest.raises(UserError, match="of another network or other tasks"):
        train()
