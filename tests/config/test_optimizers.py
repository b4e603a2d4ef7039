"""An optimizer brings its own learning rate into every setting and experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from mtl_ase.config import CONFIGS
from tests.conftest import Compose

SETTINGS = ("paper", "scenes", "scenes_pretrain", "nyud")
RATES: dict[str, tuple[float, float]] = {"adamw": (5e-4, 1e-4), "sgd": (2e-3, 2e-3)}
"""For new parts beside a frozen ViT, and for a ViT that is trained as a whole."""
MUON = {
    "paper": (2e-3, 5e-4),
    "scenes": (6e-3, 1e-3),
    "scenes_pretrain": (6e-3, 3e-3),
    "nyud": (2e-3, 5e-4),
}
PRETRAINING = ("scenes_pretrain", "scenes_pretrain_resnet")
ADAM = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 1e-4, "weight_decay": 1e-4}
MIXING = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.005, "momentum": 0.9}
RESNETS = dict.fromkeys(("stl_resnet18", "mtl_resnet18"), ADAM) | dict.fromkeys(
    ("mtan", "nddr_cnn", "cross_stitch"), MIXING | {"weight_decay": 1e-4}
)
"""Optimisers of the ResNet baselines, as in the lineage."""


def optimizer_of(config: DictConfig) -> dict[str, Any]:
    content = OmegaConf.to_container(config.training.optimizer, resolve=True)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def chosen_keys(optimizer: str) -> set[str]:
    content = OmegaConf.load(CONFIGS / "optimizer" / f"{optimizer}.yaml")
    return set(content.training.optimizer)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("experiment", ["ase", "mtl_vit", "scenes_pretrain"])
def test_no_optimizer_inherits_anothers_values(
    composed: Compose, experiment: str, setting: str, optimizer: str
) -> None:
    config = composed(f"experiment={experiment}", f"setting={setting}", f"optimizer={optimizer}")
    found, whole = optimizer_of(config), experiment != "ase"
    rates = MUON[setting] if optimizer == "muon" else RATES[optimizer]
    assert found["lr"] == rates[whole]
    assert found.keys() == chosen_keys(optimizer)
    decay = {"adamw": 0.01, "sgd": 1e-4, "muon": 0.05 if setting == "scenes_pretrain" else 0.01}
    assert found["weight_decay"] == decay[optimizer]


@pytest.mark.parametrize("experiment", sorted(p.stem for p in (CONFIGS / "experiment").glob("*")))
def test_every_experiment_by_itself_trains_as_before(composed: Compose, experiment: str) -> None:
    """The optimizer, schedule and clipping that the stored results were made with."""
    config = composed(f"experiment={experiment}")
    adamw = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 5e-4, "weight_decay": 0.01}
    muon = {"_target_": "mtl_ase.training.Muon", "_partial_": True, "lr": 6e-3}
    muon |= {"weight_decay": 0.01, "momentum": 0.95, "nesterov": True, "fallback_lr_scale": 0.2}
    muon |= {"precision": config.trainer.precision}
    pretraining = muon | {"lr": 3e-3, "weight_decay": 0.05, "fallback_lr_scale": 1.0}
    whole = adamw | {"lr": 1e-4}
    of_resnet = {"scenes_pretrain_resnet": pretraining | {"lr": 1e-2}}
    special = {"scenes_pretrain": pretraining} | of_resnet | {"demo": muon, "mtl_vit": whole}
    special |= {"stl_vit": whole, "mlore": whole} | RESNETS
    assert optimizer_of(config) == special.get(experiment, adamw)
    schedule = {"_target_": "mtl_ase.training.Poly", "power": 0.9, "warmup": 0.02, "stairs": None}
    cosine = dict.fromkeys(PRETRAINING, 0.05) | {"demo": 0.02, "same_continual": 0.03}
    if warmup := cosine.get(experiment):
        schedule = {"_target_": "mtl_ase.training.Cosine", "warmup": warmup, "stairs": None}
    if experiment in RESNETS:
        schedule["warmup"] = 0
    assert config.training.schedule == schedule
    assert config.trainer.gradient_clip_val == (None if experiment in RESNETS else 1.0)
    assert config.training.decay_all is (experiment in RESNETS)


def test_the_command_line_wins(composed: Compose) -> None:
    for overrides in (["setting=scenes"], ["experiment=mtl_vit"], ["recipe=m3vit"]):
        config = composed(*overrides, "training.optimizer.lr=0.123")
        assert config.training.optimizer.lr == 0.123
    assert composed("experiment=mtl_vit", "full_finetuning_lr=0.2").training.optimizer.lr == 0.2


@pytest.mark.parametrize("others", [(), ("setting=scenes",), ("experiment=demo",)])
@pytest.mark.parametrize("experiment", ["mtl_vit", "ase"])
def test_the_recipe_of_m3vit_is_theirs(
    composed: Compose, experiment: str, others: tuple[str, ...]
) -> None:
    """Source: the yml files and train_fastmoe.py of M3ViT, as docs/paper.md tells them."""
    config = composed(*dict.fromkeys((f"experiment={experiment}", *others)), "recipe=m3vit")
    theirs = {"lr": 2e-3, "momentum": 0.9, "weight_decay": 1e-4}
    assert optimizer_of(config) == {"_target_": "torch.optim.SGD", "_partial_": True} | theirs
    assert config.training.decay_all
    schedule = {"power": 0.9, "warmup": 0, "stairs": config.trainer.max_epochs}
    assert config.training.schedule == {"_target_": "mtl_ase.training.Poly"} | schedule
    assert config.trainer.gradient_clip_val is None
    assert config.trainer.precision == "32-true"


def test_no_setting_or_experiment_names_the_learning_rate_of_every_optimizer() -> None:
    """A number there would go to whichever optimizer is chosen."""
    files: list[Path] = [p for g in ("setting", "experiment") for p in (CONFIGS / g).glob("*.yaml")]
    for path in files:
        optimizer = OmegaConf.select(OmegaConf.load(path), "training.optimizer") or {}
        plain = OmegaConf.to_container(OmegaConf.create(optimizer), resolve=False)
        assert plain in ({}, {"lr": "${full_finetuning_lr}"}), path.name
