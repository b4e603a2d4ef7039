"""Fifty losses of a made training, digit by digit.

After a change that is meant to change them, this writes them anew: WRITE_GOLDEN=1 python -m pytest
with this file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader

from mtl_ase.build import build_module, build_network, build_tasks
from mtl_ase.data import Batch
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.encoders import ViTEncoder
from mtl_ase.model.encoders.vit_block import ViTBlock
from mtl_ase.tasks import Task
from mtl_ase.training import MultiTaskModule
from tests.conftest import Compose
from tests.model.batches import make_batch

GOLDEN = Path(__file__).with_name("golden_losses.json")
STEPS, DIGITS = 50, 9
SETTING = ("experiment=ase_finegrained", "training.optimizer.lr=1e-3", "model.adapter.rank=2")


class Losses(pl.Callback):
    """Keeps the loss of every step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *_: Any) -> None:
        """Keep it."""
        self.values.append(outputs["loss"].item())


def fill(module: MultiTaskModule) -> None:
    """Weights that are the same on every machine: whole numbers over a power of two.

    Normal deviates differ in their last bits from one kind of CPU to another.
    """
    generator = torch.Generator().manual_seed(0)
    for parameter in in_first_order(module.network):
        whole = torch.randint(-(2**20), 2**20, parameter.shape, generator=generator)
        scale = 2.0**-22 if parameter.ndim == 1 else 2.0**-23
        start = parameter.detach() if parameter.ndim == 1 and (parameter == 1).all() else 0.0
        parameter.data = whole.double() * scale + start


def in_first_order(network: MultiTaskNetwork) -> Iterator[nn.Parameter]:
    """All parameters in the order they had when the golden losses were written."""
    encoder = network.encoder
    assert isinstance(encoder, ViTEncoder)
    assert encoder.task_embedding_TD is not None
    yield encoder.task_embedding_TD
    yield from encoder.vit.parameters()
    for block in encoder.blocks:
        assert isinstance(block, ViTBlock)
        linears = {id(linear.weight): name for name, linear in block.linears().items()}
        for parameter in block.block.parameters():
            if id(parameter) in linears:
                yield from block.adapters[linears[id(parameter)]].parameters()
            yield parameter
        experts = block.adapters["ffn"]
        yield from experts.router.parameters()  # type: ignore[union-attr]
        yield from experts.parameters(recurse=False)
    yield from network.decoder.parameters()


def exact_batch(tasks: Mapping[str, Task], seed: int) -> Batch:
    """A made batch whose normals lie along an axis, which takes no rounding."""
    batch = make_batch(tasks, seed=seed)
    axis_BHW = torch.randint(3, (2, 64, 64), generator=torch.Generator().manual_seed(seed))
    batch.labels["normals"] = torch.nn.functional.one_hot(axis_BHW, 3).permute(0, 3, 1, 2).double()
    return batch


def losses(config: DictConfig) -> list[float]:
    """Of fifty steps in 64 bits, router noise and regulariser on, all five tasks."""
    tasks = build_tasks(config)
    module = build_module(config, tasks, build_network(config, tasks))
    assert isinstance(module, MultiTaskModule)
    module.double()
    fill(module)
    kept = Losses()
    trainer = pl.Trainer(
        accelerator="cpu",
        precision="64-true",
        max_steps=STEPS,
        logger=False,
        callbacks=[kept],
        gradient_clip_val=1.0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    batches = [exact_batch(tasks, seed) for seed in range(STEPS)]
    trainer.fit(module, DataLoader(batches, batch_size=None))
    return kept.values


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec")
@pytest.mark.filterwarnings("ignore:.*no `val_dataloader`")
def test_losses_are_the_golden_ones(composed: Compose, tiny: list[str]) -> None:
    found = losses(composed(*tiny, *SETTING))
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps([f"{value:.{DIGITS}g}" for value in found], indent=1) + "\n")
    golden = json.loads(GOLDEN.read_text())
    assert len(golden) == len(found) == STEPS
    assert [f"{value:.{DIGITS}g}" for value in found] == golden
    assert len(set(golden)) == STEPS
