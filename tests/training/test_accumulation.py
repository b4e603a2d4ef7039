"""Gradients of several batches, added before a step, are those of the joined batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mtl_ase.build import build_data
from mtl_ase.data import Batch, DataModule
from mtl_ase.data.accumulation import counted_together
from mtl_ase.data.sample import Window
from mtl_ase.training import MultiTaskModule, joined_losses
from tests.model.batches import make_batch

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
        module = tiny_module(
            "experiment=ase", "training.regularisers.mutual_information.weight=0", *overrides
        )
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


def shares_of_parts(batches: list[Batch]) -> list[Batch]:
    """The batches with ever less labelled parts: all of them, a quarter, a twentieth, none."""
    shares = torch.tensor([1.0, 0.25, 0.05, 0.0]).repeat_interleave(len(batches[0].image_ids))
    random = torch.rand(len(shares), 64, 64, generator=torch.Generator().manual_seed(0))
    keep = (random < shares[:, None, None]).split(len(batches[0].image_ids))
    return [
        batch._replace(
            labels=batch.labels | {"human_parts": batch.labels["human_parts"].where(kept, 255)}
        )
        for batch, kept in zip(batches, keep, strict=True)
    ]


def relative(found: Steps, expected: Steps) -> tuple[float, float]:
    """How far the first step's loss and gradient are from what they should be."""
    ours, theirs = (
        torch.cat([gradient.flatten() for gradient in steps.gradients[0].values()])
        for steps in (found, expected)
    )
    loss = abs(found.losses[0] / expected.losses[0] - 1)
    return loss, float((ours - theirs).norm() / theirs.norm())


def test_rare_labels_count_as_in_the_joined_batch(quiet) -> None:
    """By themselves, batches would weigh the same, whatever they have labelled."""
    module, _ = quiet("tasks=[human_parts]")
    tasks = module.scorer.tasks
    batches = shares_of_parts([make_batch(tasks, 4, seed=seed) for seed in range(4)])
    counts = tasks["human_parts"].counts
    counted = [b._replace(counts={"human_parts": counts(b.labels["human_parts"])}) for b in batches]
    whole = train(module, [joined(batches)])
    found = train(module, counted_together(counted, 4), accumulate_grad_batches=4)
    assert_equal(found, whole)
    loss, gradient = relative(train(module, batches, accumulate_grad_batches=4), whole)
    assert 0.24 < loss < 0.26
    assert 0.24 < gradient < 0.26


def test_what_has_no_counts_is_averaged_over_the_window(quiet) -> None:
    """A loss of somebody else's and the regulariser, in a window of four and one of two."""
    changes = ("tasks=[normals]", "training.regularisers.mutual_information.weight=1")
    module, data = quiet(*changes, "tasks.normals.loss._target_=torch.nn.L1Loss")
    assert data.counts == {}
    found = train(module, data, accumulate_grad_batches=4)
    assert [len(batches) for batches in found.batches] == [4, 2]
    plain = [batch._replace(window=Window()) for batches in found.batches for batch in batches]
    alone = train(module, plain)
    for index, part in enumerate((slice(0, 4), slice(4, 6))):
        losses, gradients = alone.losses[part], alone.gradients[part]
        assert found.losses[index] == pytest.approx(sum(losses) / len(losses), rel=1e-12)
        for name, gradient in found.gradients[index].items():
            mean = torch.stack([parts[name] for parts in gradients]).mean(0)
            torch.testing.assert_close(gradient, mean, **EXACT, msg=name)


def test_two_processes_are_the_joined_batch(quiet, monkeypatch) -> None:
    """The mean of their gradients, as DDP takes it; their sum of counts is made up here."""
    module, _ = quiet()
    tasks = module.double().scorer.tasks
    batches = shares_of_parts([make_batch(tasks, seed=seed) for seed in range(4)])
    counts = [
        {name: task.counts(batch.labels[name]) for name, task in tasks.items()} for batch in batches
    ]
    sums = torch.stack([torch.cat(list(own.values())) for own in counts]).sum(0)
    expected = module.training_step(joined(batches), 0)["loss"]
    monkeypatch.setattr(joined_losses, "num_processes", lambda: 4)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor: tensor.copy_(sums))
    losses = [
        module.training_step(batch._replace(counts=own), 0)["loss"]
        for batch, own in zip(batches, counts, strict=True)
    ]
    found = torch.stack(losses).mean()
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=0)  # saliency's weight: 32 bits
    trained = [p for p in module.parameters() if p.requires_grad]
    pairs = (torch.autograd.grad(x, trained, allow_unused=True) for x in (found, expected))
    for ours, theirs in zip(*pairs, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
