"""Small runs that are stopped somewhere and go on: what all tests of resuming share."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import Checkpoint, LearningRateMonitor
from omegaconf import DictConfig
from torch import nn

from mtl_ase.base.atomic_files import write_json
from mtl_ase.build import build_data, build_module, build_network, build_tasks
from mtl_ase.commands.fit import fit
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.training import (
    EMA,
    BestCheckpoint,
    CheckpointFiles,
    CSVLog,
    LastCheckpoint,
    MultiTaskModule,
    RouterAlarm,
    RouterLog,
)
from mtl_ase.training.last_checkpoint import Stopped
from tests.conftest import Compose

BATCH = 4
BATCHES = 6
"""Of an epoch: 24 images."""
LOGS = ("metrics.csv", "router.csv", "metrics.json")
PARTS = (
    "state_dict",
    "current_model_state",
    "averaging_state",
    "optimizer_states",
    "lr_schedulers",
    "callbacks",
    "global_step",
    "epoch",
)


QUIET = [
    pytest.mark.filterwarnings(
        "ignore:This process:DeprecationWarning"
    ),  # forks though threads run
    pytest.mark.filterwarnings("ignore:.*dataloader is not resumable"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:Found current_model_state"),
    pytest.mark.filterwarnings("ignore:.*could not find the monitored key"),  # before validations
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


@dataclass(frozen=True)
class Setting:
    """How a run is trained.

    Args:
        accumulate: batches an optimiser step.
        limit: `trainer.limit_train_batches`.
        interval: `trainer.val_check_interval`.
        every: `trainer.check_val_every_n_epoch`.
        max_steps: optimiser steps, or -1.
        epochs: `trainer.max_epochs`.
        ema: average the weights.
        workers: loader processes.
        log_every: `trainer.log_every_n_steps`.
        save_every: optimiser steps between two checkpoints.
        constant: keep the learning rate as it is.
        validation: `trainer.limit_val_batches`.
    """

    accumulate: int = 1
    limit: int | float = 1.0
    interval: int | float = 1.0
    every: int | None = 1
    max_steps: int = -1
    epochs: int = 2
    ema: bool = False
    workers: int = 0
    log_every: int = 1
    save_every: int = 1
    constant: bool = False
    validation: int | float = 1.0

    def __str__(self) -> str:
        plain = asdict(Setting())
        changed = {key: value for key, value in asdict(self).items() if value != plain[key]}
        return ",".join(f"{key}={value}" for key, value in changed.items()) or "plain"


@dataclass(frozen=True)
class Stop:
    """Where a run ends.

    Args:
        hook: of a Lightning callback.
        count: which call of it in this process, from 1.
        by: "kill" leaves the folder as it lies at that moment, as kill -9 does; "term" sends
            SIGTERM to this process.
        late: after the checkpoints of the same hook, not before them.
    """

    hook: str
    count: int
    by: str = "kill"
    late: bool = False

    def __str__(self) -> str:
        return f"{self.by}@{'late_' * self.late}{self.hook.removeprefix('on_')}{self.count}"


class Killed(BaseException):
    """What ends a run in the place of kill -9."""


class Stopper(pl.Callback):
    """Stops the run when its hook is called for the given time.

    Args:
        stop: where.
        folder: of the run.
    """

    def __init__(self, stop: Stop, folder: Path) -> None:
        self.stop, self.folder, self.calls = stop, folder, 0
        setattr(self, stop.hook, self.called)

    def called(self, *_: Any, **__: Any) -> None:
        """Count, and stop if it is time."""
        self.calls += 1
        if self.calls != self.stop.count:
            return
        if self.stop.by == "term":
            os.kill(os.getpid(), signal.SIGTERM)
            return
        shutil.copytree(self.folder, frozen(self.folder), dirs_exist_ok=True)
        raise Killed


class LateStopper(Stopper, Checkpoint):
    """The same, called after the other checkpoints: Lightning puts such callbacks last."""


def frozen(folder: Path) -> Path:
    """Where a killed run's folder is kept as it was."""
    return folder.with_name(f"{folder.name}_at_the_kill")


def with_dropout(network: nn.Module) -> nn.Module:
    """The network, losing pixels at random while it trains."""

    def drop(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (nn.functional.dropout(inputs[0].float(), 0.1, network.training), *inputs[1:])

    network.register_forward_pre_hook(drop)
    return network


def callbacks(setting: Setting, folder: Path, stop: Stop | None) -> list[pl.Callback]:
    """Those of configs/callbacks, and what stops the run."""
    checkpoints = folder / "checkpoints"
    best = BestCheckpoint(
        checkpoints, "best", monitor="val/loss", mode="min", enable_version_counter=False
    )
    last = LastCheckpoint(str(checkpoints / "last.ckpt"), setting.save_every)
    found: list[pl.Callback] = [
        LearningRateMonitor("step"),
        RouterLog(str(folder), 2),
        RouterAlarm(every_n_steps=4),
        best,
        last,
        *([EMA(decay=0.9)] if setting.ema else []),
    ]
    if stop is None:
        return found
    stopper = (LateStopper if stop.late else Stopper)(stop, folder)
    return [*found, stopper]


def trainer_of(setting: Setting, folder: Path, stop: Stop | None) -> pl.Trainer:
    """As configs/trainer has it, small."""
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=setting.epochs,
        max_steps=setting.max_steps,
        accumulate_grad_batches=setting.accumulate,
        limit_train_batches=setting.limit,
        limit_val_batches=setting.validation,
        val_check_interval=setting.interval,
        check_val_every_n_epoch=setting.every,
        gradient_clip_val=1.0,
        use_distributed_sampler=False,
        logger=[CSVLog(str(folder))],
        plugins=[CheckpointFiles()],
        callbacks=callbacks(setting, folder, stop),
        log_every_n_steps=setting.log_every,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=False,
        default_root_dir=folder,
    )


def small_config(composed: Compose, tiny: list[str]) -> DictConfig:
    """Two tasks, two layers, images of 32 pixels."""
    return composed(
        "experiment=ase_finegrained",
        *tiny,
        "tasks=[semseg,saliency]",
        "model.adapter.num_experts=6",
        "model.adapter.top_k=2",
        "data.image_size=[32,32]",
        f"data.batch_size={BATCH}",
    )


def run(
    config: DictConfig,
    folder: Path,
    setting: Setting,
    stop: Stop | None = None,
    watch: pl.Callback | None = None,
) -> bool:
    """Train from the start, or from the folder's last checkpoint; whether the stop came."""
    folder.mkdir(parents=True, exist_ok=True)
    place = RunFolder(folder)
    checkpoint = place.checkpoint_to_resume("auto")
    place.environment.write_text("{}")  # train.py writes it first: the folder holds a run
    torch.manual_seed(0 if checkpoint is None else 99)
    tasks = build_tasks(config, trusted=("tests.",))
    module = build_module(config, tasks, with_dropout(build_network(config, tasks)))
    assert isinstance(module, MultiTaskModule)
    if setting.constant:
        module.schedule = lambda step, num_steps: 1.0
    data = build_data(config, tasks)
    data.num_workers = setting.workers
    trainer = trainer_of(setting, folder, stop)
    trainer.callbacks += [] if watch is None else [watch]  # type: ignore[attr-defined]
    try:
        fit(trainer, module, data, place, checkpoint)
    except Killed:
        shutil.rmtree(folder)
        frozen(folder).rename(folder)
        return True
    except Stopped as error:
        if stop is None or stop.by != "term" or error.code != 128 + signal.SIGTERM:
            raise
        return True
    write_json(folder / "metrics.json", module.results)
    torch.save(module.network.state_dict(), folder / "network.pt")
    return False


def equal(first: Any, second: Any, where: str = "") -> None:
    """Everything in two checkpoints is the same, bit for bit; of paths only the names."""
    assert type(first) is type(second), where
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    elif isinstance(first, dict):
        assert _names(first) == _names(second), where
        for a, b in zip(first, second, strict=True):
            equal(first[a], second[b], f"{where}.{a}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for index, (a, b) in enumerate(zip(first, second, strict=True)):
            equal(a, b, f"{where}[{index}]")
    elif isinstance(first, str) and "/" in first:
        assert Path(first).name == Path(second).name or where.endswith("dirpath"), where
    else:
        assert first == second, f"{where}: {first} is not {second}"


def read_checkpoints(one: Path, other: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What two runs' last and then their best checkpoints hold, for `equal`."""
    found = []
    for name in ("last.ckpt", "best.ckpt"):
        files = [folder / "checkpoints" / name for folder in (one, other)]
        a, b = (torch.load(file, weights_only=True) for file in files)
        found.append(tuple({part: content.get(part) for part in PARTS} for content in (a, b)))
    return found  # type: ignore[return-value]


def _names(content: dict[Any, Any]) -> list[str]:
    return [Path(key).name if str(key).startswith("/") else str(key) for key in content]


def same_end(one: Path, other: Path) -> None:
    """Two runs left the same."""
    for name in LOGS:
        assert (one / name).read_text() == (other / name).read_text(), name
    for name, (a, b) in zip(("last", "best"), read_checkpoints(one, other), strict=True):
        equal(a, b, name)
    networks = [torch.load(folder / "network.pt", weights_only=True) for folder in (one, other)]
    equal(*networks, "network")
