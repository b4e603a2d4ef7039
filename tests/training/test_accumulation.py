"""Gradients of several batches, added before a step, are those of the joined batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mtl_ase.config import build_data
from mtl_ase.data import Batch, DataModule
from mtl_ase.training import MultiTaskModule

EXACT = {"rtol": 1e-10, "atol": 1e-12}

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*module.s. in eval mode"),
    pytest.mark.filterwarnings("ignore:.*no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*you have set .limit_val_batches=0"),
]


class Steps(pl.Callback):
    """Keeps what every optimiser step is made of: its batches, their losses, the gradients."""

    def __init__(self) -> None:
        self.batches: list[list[Batch]] = []
        self.losses: list[float] = []
        self.gradients: list[dict[str, Tensor]] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Batch, _: int):
        """Note a batch; Lightning has divided its loss by what is accumulated."""
        if len(self.batches) == trainer.global_step - (not trainer.fit_loop._should_accumulate()):
            self.batches.append([])
            self.losses.append(0.0)
        self.batches[-1].append(batch)
        self.losses[-1] += outputs["loss"].item()

    def on_before_optimizer_step(self, trainer: Any, module: Any, _: Any) -> None:
        """Note the gradients."""
        named = module.named_parameters()
        self.gradients.append({name: p.grad.clone() for name, p in named if p.grad is not None})


def train(module: MultiTaskModule, source: Iterable[Batch] | DataModule, **options: Any) -> Steps:
    """An epoch in 64 bits; the weights stay as they are, since the learning rate is 0."""
    kept = Steps()
    trainer = pl.Trainer(
        accelerator="cpu",
        precision="64-true",
        max_epochs=1,
        limit_val_batches=0,
        use_distributed_sampler=False,
        logger=False,
        callbacks=[kept],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **options,
    )
    if isinstance(source, DataModule):
        trainer.fit(module, datamodule=source)
    else:
        trainer.fit(module, DataLoader(list(source), batch_size=None))
    return kept


def joined(batches: list[Batch]) -> Batch:
    """One batch of several."""
    image_ids = [image_id for batch in batches for image_id in batch.image_ids]
    image_BCHW = torch.cat([batch.image_BCHW for batch in batches])
    labels = {
        name: torch.cat([batch.labels[name] for batch in batches]) for name in batches[0].labels
    }
    return Batch(image_ids, image_BCHW, labels)


@pytest.fixture
def quiet(tiny_module, composed, tiny):
    """A module in which nothing looks at the whole batch, and data with unequal labels."""

    def build(*overrides: str) -> tuple[MultiTaskModule, DataModule]:
        overrides = ("optimizer=sgd", "training.optimizer.lr=0", *overrides)
        module = tiny_module("experiment=ase", "training.router_weight=0", *overrides)
        module.eval()  # no statistics of batches, no noise in the routers
        for parameter in module.parameters():
            if not parameter.any():
                nn.init.normal_(parameter, std=0.05)
        config = composed(*tiny, "data.augmentation.rotation=20", *overrides)
        return module, build_data(config, module.scorer.tasks)

    return build


def assert_equal(found: Steps, expected: Steps) -> None:
    """Losses and gradients of every step are the same."""
    assert found.losses == pytest.approx(expected.losses, rel=1e-12)
    assert len(found.gradients) == len(expected.gradients) == len(found.losses)
    for ours, theirs in zip(found.gradients, expected.gradients, strict=True):
        assert any(gradient.any() for gradient in ours.values())
        for name, gradient in theirs.items():
            torch.testing.assert_close(ours[name], gradient, **EXACT, msg=name)


@pytest.mark.parametrize(
    ("limit", "windows"), [(1.0, [4, 2]), (5, [4, 1]), (0.5, [3])], ids=["all", "five", "half"]
)
def test_accumulated_batches_are_the_joined_batch(quiet, limit, windows) -> None:
    """Six batches of four are a batch of sixteen and one of eight; so are fewer of them."""
    module, data = quiet()
    found = train(module, data, accumulate_grad_batches=4, limit_train_batches=limit)
    assert [len(batches) for batches in found.batches] == windows
    expected = train(module, map(joined, found.batches))
    assert_equal(found, expected)
