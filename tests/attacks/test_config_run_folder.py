"""Attacks by a stranger's run folder, given to evaluate.py."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl_ase.base.errors import UserError
from mtl_ase.commands.evaluate import evaluate
from mtl_ase.config import explain
from tests.conftest import Compose

Attack = Callable[..., str]


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


@pytest.fixture(scope="module")
def theirs(composed: Compose, tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder as it could come from anybody: a config and a checkpoint of nothing."""
    folder = tmp_path_factory.mktemp("theirs") / "run"
    (folder / "checkpoints").mkdir(parents=True)
    config = composed(*tiny, f"hydra.runtime.output_dir={folder}", "experiment=ase")
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
    torch.save({"state_dict": {}}, folder / "checkpoints" / "last.ckpt")
    return folder


@pytest.fixture
def attack(theirs: Path, tmp_path: Path) -> Attack:
    """Evaluates a copy with other values in its config; the sentence by which it is refused."""

    def run(changes: dict[str, Any] | None = None) -> str:
        folder = tmp_path / "run"
        if not folder.exists():
            shutil.copytree(theirs, folder, symlinks=True)
        if changes:
            config = OmegaConf.load(folder / "config.yaml")
            for key, value in changes.items():
                OmegaConf.update(config, key, value, force_add=True, merge=False)
            (folder / "config.yaml").write_text(OmegaConf.to_yaml(config))
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises((UserError, HydraException, OmegaConfBaseException)) as caught:
            evaluate([f"run={folder}"])
        assert sorted(tmp_path.rglob("*")) == before
        said = explain(caught.value)
        assert said is not None
        assert "\n" not in said
        return said

    return run


NODE = {"_target_": "mtl_ase.base.atomic_files.write_json", "path": "x", "content": {}}


@pytest.mark.parametrize(
    "place",
    ["trainer.profiler", "training.optimizer", "data.generator", "logger.csv", "new[0].part"],
)
def test_a_node_of_other_code(attack: Attack, place: str) -> None:
    where = place.replace("[0]", "")
    assert f"{where}._target_=mtl_ase.base.atomic_files.write_json is outside" in attack(
        {where: NODE}
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("experiment_name", "${oc.env:A_SECRET}"),
        ("data.root", "${oc.env:A_SECRET}/x"),
        ("data.hint", "\\${oc.env:A_SECRET}"),
        ("tasks.edge.loss", "${oc.create:{_target_:os.getcwd}}"),
        ("seed", "${.training.x}"),
    ],
    ids=["oc.env", "in a path", "escaped", "oc.create", "a plain key"],
)
def test_an_interpolation(
    attack: Attack, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    monkeypatch.setenv("A_SECRET", "hunter2")
    said = attack({key: value})
    assert f"{key}={value} is an interpolation, which no run leaves" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: !!python/object/apply:os.mkdir [CANARY]\n", "can't be read as a config"),
        (b"a: !!python/name:os.system\n", "can't be read as a config"),
        (b"- 1\n- 2\n", "holds no keys"),
        (b"", "Missing key tasks"),
        (b"\x80\x04\x95pickle", "can't be read as a config"),
        (b"a: {b: *c}\n", "can't be read as a config"),
        (b"a: 1\na: 2\n", "can't be read as a config"),
        (b"text alone", "Missing key tasks"),
    ],
    ids=["python object", "python name", "list", "empty", "bytes", "no anchor", "twice", "text"],
)
def test_a_config_that_is_none(
    attack: Attack, theirs: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    shutil.copytree(theirs, tmp_path / "run")
    content = content.replace(b"CANARY", str(tmp_path / "canary").encode())
    (tmp_path / "run" / "config.yaml").write_bytes(content)
    assert words in attack()


WRITERS: dict[str, tuple[str, Any]] = {
    "a profiler outside": (
        "trainer.profiler",
        {
            "_target_": "lightning.pytorch.profilers.SimpleProfiler",
            "dirpath": "/VICTIM",
            "filename": "x",
        },
    ),
    "a checkpoint in the place of the progress bar": (
        "callbacks.progress",
        {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": "/VICTIM"},
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_outside_of_the_run(attack: Attack, name: str) -> None:
    key, value = WRITERS[name]
    assert "lies outside of the run folder" in attack({key: value})


def test_absolute_paths_of_their_own_machine_are_not_used(attack: Attack, tmp_path: Path) -> None:
    """A run folder that was moved keeps them in its config; nothing is made there."""
    there = str(tmp_path / "there")
    paths = {"trainer.default_root_dir": there, "logger.csv.folder": there, "run_dir": there}
    said = attack({**paths, "callbacks.best.dirpath": there})
    assert "checkpoint" in said, "it came as far as the weights"


@pytest.mark.parametrize("split", ["../../x", "/etc/passwd", "*", "a/b", "..", "a\n", ""])
def test_a_split_that_leaves_the_folder(attack: Attack, split: str) -> None:
    """Its name is also part of the pattern by which stale packs are removed."""
    assert "can't be the name of a list" in attack({"data.val_split": split})


def test_generated_data_over_other_files(attack: Attack, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.doc").write_text("do not touch")
    said = attack({"data.root": str(tmp_path / "mine")})
    assert "checkpoint" in said or "holds other files" in said
    assert (tmp_path / "mine" / "thesis.doc").read_text() == "do not touch"


@pytest.mark.parametrize("kind", ["torch's file", "beside weights", "text"])
def test_a_checkpoint_that_is_a_pickle(
    attack: Attack, theirs: Path, tmp_path: Path, kind: str
) -> None:
    shutil.copytree(theirs, tmp_path / "run")
    path, evil = tmp_path / "run" / "checkpoints" / "last.ckpt", Evil(tmp_path / "canary")
    if kind == "text":
        path.write_text("<html>Not found</html>")
    else:
        extra = evil if kind == "beside weights" else None
        torch.save({"state_dict": extra or evil, "more": evil}, path)
    assert "can't be read as a checkpoint" in attack()


def test_weights_that_are_a_pickle(attack: Attack, theirs: Path, tmp_path: Path) -> None:
    shutil.copytree(theirs, tmp_path / "run")
    torch.save({"state_dict": Evil(tmp_path / "canary")}, tmp_path / "run" / "w.pth")
    told = {"state_dict": {}, "frozen": {"source": "w.pth", "sha256": "0" * 64}}
    torch.save(told, tmp_path / "run" / "checkpoints" / "last.ckpt")
    said = attack({"model.encoder.weights": str(tmp_path / "run" / "w.pth")})
    assert "can't be read as a checkpoint" in said


@pytest.mark.parametrize("place", ["evaluation", "evaluation/images.csv", "evaluation/worst.png"])
def test_a_link_in_the_place_of_results(
    attack: Attack, theirs: Path, tmp_path: Path, place: str
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("mine")
    shutil.copytree(theirs, tmp_path / "run")
    link = tmp_path / "run" / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(victim if place == "evaluation" else victim / "file")
    assert f"{place} is a link" in attack()
    assert (victim / "file").read_text() == "mine"


CONTENTS: dict[str, Any] = {
    "no weights": {},
    "a list": [1, 2],
    "weights that are a list": {"state_dict": [1]},
    "weights of nothing": {"state_dict": {}},
    "names of no tensors": {"state_dict": {"network.x": 3}},
    "a strange note of what is left out": {"state_dict": {}, "frozen": 3},
}


@pytest.mark.parametrize("name", CONTENTS)
def test_a_checkpoint_of_something_else(
    attack: Attack, theirs: Path, tmp_path: Path, name: str
) -> None:
    shutil.copytree(theirs, tmp_path / "run")
    torch.save(CONTENTS[name], tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert "checkpoint" in attack()
