"""Checkpoints without the weights that a backbone's own file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_module, build_network, build_tasks
from mtl_ase.training import EMA, CheckpointFiles, MultiTaskModule
from mtl_ase.training.frozen_weights import fingerprint
from tests.conftest import Compose

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*dataloader is not resumable"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:Found current_model_state"),
]
SHIPPED = [
    "model.encoder.weights=vit_scenes",
    "model.encoder.options={patch_size:8,embed_dim:192,depth:4,num_heads:3,class_token:false}",
]


class SaveBeforeStep(pl.Callback):
    """Saves a checkpoint when the third step begins."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save if it is time."""
        if self.path is not None and trainer.global_step == 2:
            trainer.save_checkpoint(self.path)


def fitted(
    composed: Compose,
    tiny: list[str],
    *overrides: str,
    save: Path | None = None,
    resume: Path | None = None,
    ema: bool = True,
) -> dict[str, torch.Tensor]:
    """The weights after three steps."""
    config = composed("experiment=ase_finegrained", *tiny, *SHIPPED, *overrides)
    tasks = build_tasks(config)
    torch.manual_seed(0 if resume is None else 1)
    module = build_module(config, tasks, build_network(config, tasks))
    assert isinstance(module, MultiTaskModule)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=3,
        logger=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        plugins=[CheckpointFiles()],
        callbacks=[SaveBeforeStep(save), *([EMA(decay=0.9)] if ema else [])],
    )
    data = build_data(config, tasks)
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    return module.state_dict()


@pytest.mark.parametrize("ema", [False, True])
def test_a_resumed_run_is_the_same_without_them(
    composed: Compose, tiny: list[str], tmp_path: Path, ema: bool
) -> None:
    ends = [
        fitted(composed, tiny, option, save=tmp_path / name, ema=ema)
        for option, name in (
            ("checkpoint.full=false", "small.ckpt"),
            ("checkpoint.full=true", "full.ckpt"),
        )
    ]
    small, full = (
        torch.load(tmp_path / name, weights_only=True) for name in ("small.ckpt", "full.ckpt")
    )
    left_out = full["state_dict"].keys() - small["state_dict"].keys()
    assert left_out
    assert all(name.startswith("network.encoder.blocks.") for name in left_out)
    assert not any("experts" in name or name.endswith(("_RD", "_OR")) for name in left_out)
    assert {"network.encoder.vit.pos_embed"} <= small["state_dict"].keys()
    assert small["frozen"]["source"] == "vit_scenes"
    assert "frozen" not in full
    assert (tmp_path / "small.ckpt").stat().st_size < (tmp_path / "full.ckpt").stat().st_size
    if ema:
        assert small["current_model_state"].keys() == small["state_dict"].keys()
    ends += [
        fitted(composed, tiny, resume=tmp_path / name, ema=ema)
        for name in ("small.ckpt", "full.ckpt")
    ]
    for end in ends[1:]:
        assert all(torch.equal(value, end[name]) for name, value in ends[0].items())


def test_another_frozen_backbone_is_refused(
    composed: Compose, tiny: list[str], tmp_path: Path
) -> None:
    fitted(composed, tiny, save=tmp_path / "small.ckpt", ema=False)
    with pytest.raises(UserError, match=r"the frozen backbone vit_scenes .* one of random weights"):
        fitted(composed, tiny, "model.encoder.weights=null", resume=tmp_path / "small.ckpt")
    content = torch.load(tmp_path / "small.ckpt", weights_only=True)
    config = composed("experiment=ase_finegrained", *tiny, *SHIPPED)
    tasks = build_tasks(config)
    module = build_module(config, tasks, build_network(config, tasks))
    name, value = next(iter(module.frozen.values.items()))
    module.frozen.values = {**module.frozen.values, name: value + 1e-6}
    module.frozen._sha256 = None
    with pytest.raises(UserError, match=r"with model\.encoder\.weights, or train with checkpoint"):
        module.on_load_checkpoint(content)


def test_random_and_trained_backbones_are_kept(composed: Compose, tiny: list[str]) -> None:
    for overrides in (
        ["model.encoder.weights=null"],
        ["model.encoder.frozen=false", "model.lora=null"],
    ):
        config = composed("experiment=ase_finegrained", *tiny, *SHIPPED, *overrides)
        tasks = build_tasks(config)
        module = build_module(config, tasks, build_network(config, tasks))
        checkpoint = {"state_dict": module.state_dict()}
        module.frozen.leave_out(checkpoint)
        assert checkpoint["state_dict"].keys() == module.state_dict().keys()
        assert "frozen" not in checkpoint


def test_a_fingerprint_depends_on_all_there_is() -> None:
    values = {"a": torch.zeros(2, 3), "b": torch.ones(4)}
    same = fingerprint(dict(reversed(values.items())))
    assert fingerprint(values) == same
    for change in (
        {"c": values["a"], "b": values["b"]},
        {**values, "a": torch.zeros(3, 2)},
        {**values, "a": torch.zeros(2, 3, dtype=torch.float64)},
        {**values, "b": torch.tensor([1, 1, 1, 1.0000001])},
    ):
        assert fingerprint(change) != same
