"""Adapters without their backbone: written, read back, and refused where they do not fit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_tasks, restored_network
from mtl_ase.export import read_adapters, read_run, write_adapters
from mtl_ase.export.adapter_files import is_exported
from mtl_ase.export.facts import facts_of
from mtl_ase.model.encoders import ViTEncoder, save_weights
from mtl_ase.training.checkpoint_files import sha256
from tests.conftest import SIZE
from tests.export.conftest import SHIPPED, MakeRun

ASE = "experiment=ase_finegrained"


def image() -> Tensor:
    return torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8)


def exported(run: Path, folder: Path) -> Path:
    folder.mkdir()
    trained = read_run(run)
    write_adapters(trained, facts_of(trained), folder)
    return folder


def predictions(folder: Path, given: Tensor) -> dict[str, Tensor]:
    config, content = read_adapters(folder)
    tasks = build_tasks(config)
    with torch.no_grad():
        logits: dict[str, Tensor] = restored_network(config, content, list(tasks), tasks)(
            given
        ).logits
    return logits


@pytest.fixture
def folder(make_run: MakeRun, tmp_path: Path) -> Path:
    """Exported adapters on the shipped backbone, to be changed."""
    return exported(make_run(ASE, *SHIPPED), tmp_path / "exported")


@pytest.mark.parametrize(
    "overrides",
    [(ASE, *SHIPPED), (ASE,), ("experiment=mtl_vit", *SHIPPED), ("experiment=mtl_resnet18",)],
    ids=["frozen from a file", "frozen at random", "all trained", "ResNet"],
)
def test_what_is_read_back_predicts_bit_for_bit(
    make_run: MakeRun, tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    run = make_run(*overrides)
    given = image()
    with torch.no_grad():
        expected = read_run(run).network(given).logits
    found = predictions(exported(run, tmp_path / "out"), given)
    assert list(found) == list(expected)
    for task, logits in expected.items():
        assert torch.equal(found[task], logits)


def test_the_frozen_backbone_is_named_and_not_there(make_run: MakeRun, folder: Path) -> None:
    trained = read_run(make_run(ASE, *SHIPPED))
    assert trained.frozen is not None
    frozen = {f"encoder.{name}" for name in trained.network.encoder.frozen_weights()}
    stored = load_file(folder / "adapters.safetensors")
    assert frozen
    assert stored.keys() == trained.network.state_dict().keys() - frozen
    known = json.loads((folder / "export.json").read_text())
    assert known["frozen"] == trained.frozen
    assert known["backbone"]["source"] == "vit_scenes"
    assert known["backbone"]["sha256"] == trained.frozen["sha256"]
    with safe_open(folder / "adapters.safetensors", "pt") as file:
        assert file.metadata()["backbone_sha256"] == trained.frozen["sha256"]
    assert is_exported(folder)


def test_nothing_tells_of_the_machine(make_run: MakeRun, folder: Path, scenes_root: Path) -> None:
    run = make_run(ASE, *SHIPPED)
    assert str(scenes_root) in (run / "config.yaml").read_text()
    texts = [path.read_text() for path in (folder / "config.yaml", folder / "export.json")]
    for place in (run, scenes_root, Path.home(), folder):
        assert not any(str(place) in text for text in texts)


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    """Change the weights, and export.json with them, as a program would that means well."""
    path = folder / "adapters.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path)
    known = json.loads((folder / "export.json").read_text())
    (folder / "export.json").write_text(json.dumps({**known, "sha256": sha256(path)}))


def drop(weights: dict[str, Tensor]) -> None:
    del weights["encoder.task_embedding_TD"]


def add(weights: dict[str, Tensor]) -> None:
    weights["encoder.surplus"] = torch.zeros(1)


def cut(weights: dict[str, Tensor]) -> None:
    weights["encoder.task_embedding_TD"] = weights["encoder.task_embedding_TD"][1:]


@pytest.mark.parametrize("change", [drop, add, cut])
def test_names_and_shapes_must_fit(folder: Path, change: Callable[..., None]) -> None:
    rewrite(folder, change)
    with pytest.raises(UserError, match=r"of another network or other tasks \(.*encoder\.(t|s)"):
        predictions(folder, image())


def test_another_backbone_is_refused(folder: Path, make_run: MakeRun, tmp_path: Path) -> None:
    encoder = read_run(make_run(ASE, *SHIPPED)).network.encoder
    assert isinstance(encoder, ViTEncoder)
    other = {name: value.detach() + 0.01 for name, value in encoder.backbone_state().items()}
    save_weights(other, tmp_path / "other.safetensors")
    config = OmegaConf.load(folder / "config.yaml")
    config.model.encoder.weights = str(tmp_path / "other.safetensors")
    OmegaConf.save(config, folder / "config.yaml")
    with pytest.raises(UserError, match=r"trained on the frozen backbone vit_scenes \(SHA-256"):
        predictions(folder, image())


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("version", 2, "newer version"),
        ("format", "onnx", "no exported adapters"),
        ("version", None, "can't be read"),
        ("sha256", "0", "missing or damaged"),
    ],
)
def test_files_that_are_no_adapters(folder: Path, key: str, value: object, said: str) -> None:
    path = folder / "export.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UserError, match=said):
        read_adapters(folder)


@pytest.mark.parametrize("name", ["adapters.safetensors", "config.yaml", "export.json"])
def test_files_that_are_gone_or_cut(folder: Path, name: str, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "cut")
    content = (folder / name).read_bytes()
    (tmp_path / "cut" / name).write_bytes(content[: len(content) // 2] + b"\n{")
    (folder / name).unlink()
    for place in (folder, tmp_path / "cut"):
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            read_adapters(place)


def test_a_strangers_config_runs_nothing(folder: Path) -> None:
    config = OmegaConf.load(folder / "config.yaml")
    config.model.adapter._target_ = "os.system"
    OmegaConf.save(config, folder / "config.yaml")
    with pytest.raises(UserError, match=r"os\.system is outside what configs may build"):
        predictions(folder, image())


@pytest.mark.parametrize("name", ["/tmp/elsewhere", 'x"]); import os #', "a b"])
def test_a_strangers_task_names_no_folder_and_no_code(
    make_run: MakeRun, tmp_path: Path, name: str
) -> None:
    run = Path(shutil.copytree(make_run(ASE, *SHIPPED), tmp_path / "run"))
    config = OmegaConf.load(run / "config.yaml")
    config.tasks[name] = config.tasks.edge
    OmegaConf.save(config, run / "config.yaml")
    with pytest.raises(UserError, match=r"has the task .*; give it a name like semseg"):
        read_run(run)
