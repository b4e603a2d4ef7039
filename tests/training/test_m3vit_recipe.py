"""recipe=m3vit trains as a plain loop of M3ViT's would."""

from __future__ import annotations

import copy

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader

from mtl_ase.build import build_module, build_network, build_tasks
from mtl_ase.data import Batch
from mtl_ase.training import MultiTaskModule
from tests.conftest import Compose
from tests.model.batches import make_batch

EPOCHS, BATCHES = 3, 2
LR, MOMENTUM, DECAY, POWER = 2e-3, 0.9, 1e-4, 0.9


def plain_loop(module: MultiTaskModule, batches: list[Batch]) -> None:
    """SGD with momentum by hand: every weight decays, nothing is clipped, one rate an epoch."""
    velocity = [torch.zeros_like(p) for p in module.network.parameters()]
    for epoch in range(EPOCHS):
        rate = LR * (1 - epoch / EPOCHS) ** POWER
        for batch in batches:
            module.zero_grad()
            logits = module.network(batch.image_BCHW).logits
            losses = {n: loss(logits[n], batch.labels[n]) for n, loss in module.losses.items()}
            module.balance(losses).backward()
            with torch.no_grad():
                for parameter, speed in zip(module.network.parameters(), velocity, strict=True):
                    assert parameter.grad is not None
                    speed.mul_(MOMENTUM).add_(parameter.grad + DECAY * parameter)
                    parameter.sub_(rate * speed)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec")
@pytest.mark.filterwarnings("ignore:.*no `val_dataloader`")
def test_every_weight_is_that_of_a_plain_loop(composed: Compose, tiny: list[str]) -> None:
    own = ("optimizer=", "training.optimizer.", "trainer.")
    overrides = [override for override in tiny if not override.startswith(own)]
    recipe = ("experiment=mtl_vit", "recipe=m3vit", f"trainer.max_epochs={EPOCHS}")
    config = composed(*overrides, *recipe, "model.encoder.options.depth=1")
    tasks = build_tasks(config)
    module = build_module(config, tasks, build_network(config, tasks)).double()
    assert isinstance(module, MultiTaskModule)
    by_hand = copy.deepcopy(module)
    batches = [make_batch(tasks, seed=seed) for seed in range(BATCHES)]
    for batch in batches:
        batch.labels["normals"] = batch.labels["normals"].double()  # type: ignore[union-attr]
    pl.Trainer(
        accelerator="cpu",
        precision="64-true",
        max_epochs=config.trainer.max_epochs,
        gradient_clip_val=config.trainer.gradient_clip_val,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    ).fit(module, DataLoader(batches, batch_size=None))
    by_hand.train()
    plain_loop(by_hand, batches)
    wanted = dict(by_hand.network.named_parameters())
    for name, parameter in module.network.named_parameters():
        torch.testing.assert_close(parameter, wanted[name], rtol=1e-9, atol=1e-12, msg=name)
