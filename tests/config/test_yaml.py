"""Every shipped config: it composes, its nodes fit their constructors, it says what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl_ase.build import check_part
from mtl_ase.config import CONFIGS, check_targets, nodes

FILES = sorted(CONFIGS.rglob("*.yaml"))
EXPERIMENTS = sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml"))
GROUPS = {
    "data": "data",
    "data/augmentation": "data/augmentation",
    "trainer": "trainer",
    "logger": "logger",
    "callbacks": "callbacks",
    "training": "training",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "recipe": "recipe",
    "size": "size",
    "head@size.head": "head",
    "gate@model.adapter.gate": "gate",
    "model/encoder": "model/encoder",
    "model/decoder": "model/decoder",
    "model/adapter": "model/adapter",
    "reference": "reference",
    "balance": "balance",
}
OPTIONS = [
    f"{key}={path.stem}"
    for key, folder in GROUPS.items()
    for path in sorted((CONFIGS / folder).glob("*.yaml"))
]
PARTS = ("tasks", "data", "model", "training", "trainer", "logger", "callbacks")
MOST_FILES, MOST_LINES = 65, 45
OUTPUT = "hydra.runtime.output_dir=runs/somewhere"

Compose = Callable[..., DictConfig]


def check(config: DictConfig) -> None:
    assert len(list(nodes(config))) > 20
    check_targets(config)
    for part in PARTS:
        check_part(config, part)


@pytest.mark.parametrize(
    "setting",
    [pytest.param([], marks=pytest.mark.slow), ["setting=scenes"]],
    ids=["default", "scenes"],
)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_fits(composed: Compose, experiment: str, setting: list[str]) -> None:
    check(composed(f"experiment={experiment}", OUTPUT, *setting))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_fits(composed: Compose, option: str) -> None:
    check(composed(option, OUTPUT))


@pytest.mark.parametrize("protocol", ["astmt", "invpt"])
def test_every_protocol_fits(composed: Compose, protocol: str) -> None:
    config = composed(OUTPUT)
    with open_dict(config):
        config.protocol = OmegaConf.load(CONFIGS / "protocol" / f"{protocol}.yaml")
    assert config.protocol.name == protocol
    check(config)
    check_part(config, "protocol")


def test_every_group_is_tried() -> None:
    tried = {*GROUPS.values(), "experiment", "setting", "tasks", "model", "protocol", "."}
    assert {str(path.parent.relative_to(CONFIGS)) for path in FILES} <= tried


def test_there_are_few_and_short_files() -> None:
    of_methods = [
        path for path in FILES if path.parent.name in ("adapter", "balance", "experiment")
    ]  # one each
    assert len(FILES) - len(of_methods) <= MOST_FILES
    long = {
        path.name: n for path in FILES if (n := len(path.read_text().splitlines())) > MOST_LINES
    }
    assert not long


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_file_says_what_it_is(path: Path) -> None:
    lines = path.read_text().splitlines()
    header = [line for line in lines[:4] if line.startswith("# ") and "@package" not in line]
    assert header
    assert len(header[0]) > 8
    assert all(len(line) <= 110 for line in lines)
    if path.parent.name == "experiment":
        assert f"# python train.py experiment={path.stem}" in header


def test_every_task_is_named_as_its_file() -> None:
    for path in (CONFIGS / "tasks").glob("*.yaml"):
        content = OmegaConf.load(path)
        assert list(content) == [path.stem]
        assert "name" not in content[path.stem]
