"""A run that is stopped and resumed ends bit for bit like one that is not."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from mtl_ase.build import build_data, build_module, build_network, build_tasks
from mtl_ase.training import EMA, CSVLog, LastCheckpoint, MultiTaskModule, RouterLog
from tests.conftest import NUM_TRAIN, Compose

EPOCHS, BATCH = 3, 3
BATCHES = NUM_TRAIN // BATCH

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:This process:DeprecationWarning"
    ),  # forks though threads run
    pytest.mark.filterwarnings("ignore:.*dataloader is not resumable"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:Found current_model_state"),
]


class Crash(Exception):
    """What ends a run without a warning."""


class CrashAfter(pl.Callback):
    """Raises when a batch begins, so many batches being done."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Raise if it is time."""
        if self.batches == trainer.fit_loop.total_batch_idx:
            raise Crash


def with_dropout(network: nn.Module) -> nn.Module:
    """The network, losing pixels at random while it trains."""

    def drop(_: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (nn.functional.dropout(inputs[0].float(), 0.1, network.training),)

    network.register_forward_pre_hook(drop)
    return network


def run(
    composed: Compose,
    tiny: list[str],
    folder: Path,
    workers: int = 0,
    accumulate: int = 1,
    ema: bool = False,
    crash: CrashAfter | None = None,
    resume: bool = False,
    every: int = 1,
) -> tuple[pl.Trainer, MultiTaskModule]:
    """Train from the start, or from the folder's checkpoint."""
    config = composed(
        "experiment=ase_finegrained",
        *tiny,
        f"data.num_workers={workers}",
        f"data.batch_size={BATCH}",
        "metrics.edge.max_images=1",
    )
    last = folder / "checkpoints" / "last.ckpt"
    checkpoint = last if resume and last.is_file() else None
    torch.manual_seed(0 if checkpoint is None else 99)
    tasks = build_tasks(config)
    module = build_module(config, tasks, with_dropout(build_network(config, tasks)))
    assert isinstance(module, MultiTaskModule)
    callbacks: list[pl.Callback] = [LastCheckpoint(str(last), every), RouterLog(str(folder), 4)]
    callbacks += [crash] if crash is not None else []
    callbacks += [EMA(decay=0.9)] if ema else []
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        accumulate_grad_batches=accumulate,
        gradient_clip_val=1.0,
        check_val_every_n_epoch=2,
        use_distributed_sampler=False,
        logger=[CSVLog(str(folder))],
        callbacks=callbacks,
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=False,
        enable_checkpointing=True,
        default_root_dir=folder,
    )
    data = build_data(config, tasks)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except Crash:
        assert crash is not None
    else:
        assert crash is None
        trainer.save_checkpoint(folder / "end.ckpt")
    return trainer, module


def equal(first: Any, second: Any, where: str = "") -> None:
    """Everything in two checkpoints is the same, bit for bit."""
    assert type(first) is type(second), where
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            equal(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for index, (a, b) in enumerate(zip(first, second, strict=True)):
            equal(a, b, f"{where}[{index}]")
    else:
        assert first == second, where


def same_end(one: Path, other: Path) -> None:
    a, b = (torch.load(folder / "end.ckpt", weights_only=True) for folder in (one, other))
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch"):
        equal(a[part], b[part], part)
    for part in ("current_model_state", "averaging_state", "DataModule"):
        equal(a.get(part), b.get(part), part)
    for name in ("metrics.csv", "router.csv"):
        assert (one / name).read_text() == (other / name).read_text(), name


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple, Path]:
    """Folders of runs that nothing happened to, by settings."""
    return {}


QUICK = [(2, 3, True)]
SETTINGS = [
    pytest.param(*setting, marks=() if setting in QUICK else pytest.mark.slow)
    for setting in itertools.product((0, 2), (1, 3), (False, True))
]
STOPS = [1, 7, BATCHES, BATCHES + 1, 2 * BATCHES, EPOCHS * BATCHES - 1]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize(("workers", "accumulate", "ema"), SETTINGS)
def test_a_resumed_run_ends_like_one_that_was_never_stopped(
    composed: Compose,
    tiny: list[str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    undisturbed: dict[tuple, Path],
    workers: int,
    accumulate: int,
    ema: bool,
    stop: int,
) -> None:
    """Stops: after the first batch, inside, at an epoch's end, after it, after a validation."""
    settings = (0, accumulate, ema)
    if settings not in undisturbed:
        undisturbed[settings] = tmp_path_factory.mktemp("undisturbed")
        run(composed, tiny, undisturbed[settings], *settings)
    run(composed, tiny, tmp_path, workers, accumulate, ema, CrashAfter(stop))
    run(composed, tiny, tmp_path, workers, accumulate, ema, resume=True)
    same_end(undisturbed[settings], tmp_path)
