"""The experiments with ResNet-18, and stl_vit: they compose, fit, and have the paper's sizes."""

from __future__ import annotations

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from mtl_ase.config import check_targets, check_values
from mtl_ase.config.arguments import check_arguments
from mtl_ase.model import count_parameters

TRUNK, HEADS = 11_176_512, 23_619_361
TOTALS = {
    "mtl_resnet18": (TRUNK + HEADS, 34.80),
    "mtan": (TRUNK + HEADS + 1_817_552, 36.61),
    "nddr_cnn": (5 * TRUNK + HEADS + 8_816_640, 88.32),
    "cross_stitch": (5 * TRUNK + HEADS + 24_000, 79.5),
}
SINGLE = {"semseg": 21, "human_parts": 7, "saliency": 1, "normals": 3, "edge": 1}
RESNETS = ["stl_resnet18", *TOTALS]
ADAM = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 1e-4, "weight_decay": 1e-4}
SGD = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.005, "momentum": 0.9}
SGD |= {"weight_decay": 1e-4}


@pytest.fixture
def build(composed):
    """Builds the network of an experiment, on no memory."""

    def build_network(*overrides):
        config = composed(*overrides)
        channels = {str(name): task.channels for name, task in config.tasks.items()}
        model = OmegaConf.to_container(config.model, resolve=True)
        check_targets(OmegaConf.create({"model": model}))
        check_arguments(config.model, "model", ["channels"])
        check_values(config, "model")
        with torch.device("meta"):
            return instantiate(config.model, channels=channels)

    return build_network


def total(network):
    return sum(count.total for count in count_parameters(network).values())


@pytest.mark.parametrize("experiment", TOTALS)
def test_totals(build, experiment):
    found = build(f"experiment={experiment}", "model.encoder.pretrained=false")
    exact, millions = TOTALS[experiment]
    assert total(found) == exact
    assert abs(total(found) / 1e6 - millions) < 0.03
    counts = count_parameters(found)
    assert sum(c.total for name, c in counts.items() if name.startswith("head.")) == HEADS
    assert all(count.trainable == count.total for count in counts.values())


def test_five_single_task_networks(build):
    arguments = ("experiment=stl_resnet18", "model.encoder.pretrained=false")
    found = {name: total(build(*arguments, f"tasks=[{name}]")) for name in SINGLE}
    assert found == {name: TRUNK + 4_722_176 + 257 * c for name, c in SINGLE.items()}
    assert abs(sum(found.values()) / 1e6 - 79.5) < 0.03


@pytest.mark.parametrize("experiment", RESNETS)
def test_every_setting_builds(build, experiment):
    """Scenes build as they are: their ResNets start from random weights, without a download."""
    assert build(f"experiment={experiment}", "setting=scenes").encoder.source is None
    if experiment != "stl_resnet18":
        network = build(
            f"experiment={experiment}", "setting=nyud", "model.encoder.pretrained=false"
        )
        assert list(network.decoder.heads) == ["semseg", "depth", "normals", "edge"]


@pytest.mark.parametrize("setting", ["paper", "scenes"])
@pytest.mark.parametrize("experiment", RESNETS)
def test_how_they_are_trained(composed, experiment, setting):
    """Source: the yml files of the ResNet baselines of arXiv 2004.13379."""
    config = composed(f"experiment={experiment}", f"setting={setting}")
    adam = experiment in ("stl_resnet18", "mtl_resnet18")
    assert OmegaConf.to_container(config.training.optimizer, resolve=True) == (
        ADAM if adam else SGD
    )
    schedule = {"_target_": "mtl_ase.training.Poly", "power": 0.9, "warmup": 0, "stairs": None}
    assert config.training.schedule == schedule
    assert config.training.decay_all
    assert config.trainer.gradient_clip_val is None
    setting_alone = composed(f"setting={setting}")
    assert config.trainer.max_epochs == setting_alone.trainer.max_epochs
    assert config.data.batch_size == setting_alone.data.batch_size


@pytest.mark.parametrize("experiment", ["nddr_cnn", "cross_stitch"])
def test_heads_start_from_the_runs_that_trunks_start_from(composed, experiment):
    config = composed(f"experiment={experiment}", "model.encoder.stl=[runs/a,runs/b]")
    assert config.model.decoder.stl == ["runs/a", "runs/b"]
    assert composed(f"experiment={experiment}").model.decoder.stl is None


@pytest.mark.parametrize("experiment", ["stl_resnet18", "stl_vit"])
def test_single_task_experiments_take_one_task(composed, experiment):
    assert list(composed(f"experiment={experiment}").tasks) == ["semseg"]
    assert list(composed(f"experiment={experiment}", "tasks=[edge]").tasks) == ["edge"]


def test_stl_vit_is_mtl_vit_with_one_task(composed, build):
    one, several = (composed(f"experiment={name}") for name in ("stl_vit", "mtl_vit"))
    for key in ("model", "training", "trainer", "data"):
        containers = [OmegaConf.to_container(config[key]) for config in (one, several)]
        for container in containers:
            container.pop("default_root_dir", None)
        assert containers[0] == containers[1], key
    network = build("experiment=stl_vit", "size.vit.pretrained=false", "tasks=[edge]")
    assert list(network.decoder.heads) == ["edge"]
    assert network.encoder.components().keys() == {"backbone"}
