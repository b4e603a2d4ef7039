"""Attacks on checkpoints: their files, their manifest, what they belong to."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.same_run import check_same_run
from mtl_ase.training.checkpoint_files import (
    DamagedCheckpoint,
    newest_good,
    previous,
    read_checkpoint,
    write_checkpoint,
)
from tests.conftest import Compose


def state(step: int) -> dict[str, Any]:
    weights = {"a": torch.full((40, 50), float(step)), "b": torch.full((40, 50), -float(step))}
    return {"global_step": step, "state_dict": weights}


@pytest.fixture
def last(tmp_path: Path) -> Path:
    """The third of three checkpoints of a run."""
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    for step in (1, 2, 3):
        write_checkpoint(state(step), path)
    return path


def _swap(last: Path) -> None:
    content = torch.load(last, weights_only=True)
    weights = content["state_dict"]
    weights["a"], weights["b"] = weights["b"], weights["a"]
    torch.save(content, last)


def _grow(last: Path) -> None:
    with last.open("ab") as file:
        file.write(b"\0" * 100)


def _of_another_run(last: Path) -> None:
    torch.save(state(9), last)


def _empty(last: Path) -> None:
    last.write_bytes(b"")


def _cut(last: Path) -> None:
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])


def _flip(last: Path) -> None:
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)


def _dangling(last: Path) -> None:
    last.unlink()
    last.symlink_to("nowhere")


def _loop(last: Path) -> None:
    last.unlink()
    last.symlink_to(last.name)


def _folder(last: Path) -> None:
    last.unlink()
    last.mkdir()


def _pipe(last: Path) -> None:
    last.unlink()
    os.mkfifo(last)


CHANGES: dict[str, Callable[[Path], None]] = {
    "tensors swapped between names": _swap,
    "bytes behind its end": _grow,
    "that of another run": _of_another_run,
    "empty": _empty,
    "cut off": _cut,
    "a bit flipped": _flip,
    "a link to nothing": _dangling,
    "a link to itself": _loop,
    "a folder": _folder,
    "a pipe": _pipe,
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.filterwarnings("ignore:.*is damaged:UserWarning")
def test_a_changed_checkpoint_is_not_taken(last: Path, name: str) -> None:
    """The one before is."""
    CHANGES[name](last)
    taken = RunFolder(last.parents[1]).checkpoint_to_resume("auto")
    assert taken == previous(last)
    assert read_checkpoint(taken)["global_step"] == 2
    with pytest.raises(UserError):
        RunFolder(last.parents[1]).checkpoint_to_resume(str(last))


@pytest.mark.parametrize("name", ["empty", "cut off", "a bit flipped"])
@pytest.mark.filterwarnings("ignore:.*can't be read:UserWarning")
def test_nor_is_one_without_a_manifest(last: Path, name: str) -> None:
    (last.parent / "manifest.json").unlink()
    CHANGES[name](last)
    assert newest_good([last, previous(last)]) == previous(last)
    with pytest.raises(DamagedCheckpoint, match="can't be read as a checkpoint"):
        read_checkpoint(last)


def test_a_link_to_a_checkpoint_elsewhere_is_read_and_never_written_through(
    last: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.ckpt"
    shutil.move(last, elsewhere)
    last.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    assert read_checkpoint(last)["global_step"] == 3
    write_checkpoint(state(4), last)
    assert elsewhere.read_bytes() == before
    assert not last.is_symlink()
    assert read_checkpoint(last)["global_step"] == 4
    assert read_checkpoint(previous(last))["global_step"] == 3


MANIFESTS: dict[str, str | None] = {
    "gone": None,
    "empty": "",
    "a list": "[]",
    "a number": "3",
    "without entries": "{}",
    "entries of no form": '{"checkpoints": [3, null, {}]}',
    "an entry without a sum": '{"checkpoints": [{"name": "last.ckpt"}]}',
    "sums of another file": '{"checkpoints": [{"name": "last.ckpt", "sha256": "0"}]}',
    "not UTF-8": "\udcff",
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_an_edited_manifest_is_said_and_the_next_checkpoint_is_good(last: Path, name: str) -> None:
    manifest, text = last.parent / "manifest.json", MANIFESTS[name]
    manifest.unlink()
    if text is None:
        assert read_checkpoint(last)["global_step"] == 3
    else:
        manifest.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(DamagedCheckpoint, match=r"manifest\.json can't be read|is damaged"):
            read_checkpoint(last)
    write_checkpoint(state(4), last)
    assert read_checkpoint(last)["global_step"] == 4
    assert json.loads(manifest.read_text())["checkpoints"][-1]["step"] == 4


@pytest.mark.parametrize("kind", ["folder", "link to nothing"])
def test_a_manifest_that_is_no_file_is_said(last: Path, kind: str) -> None:
    """It must not pass for one that is gone, by which checkpoints are not verified."""
    manifest = last.parent / "manifest.json"
    manifest.unlink()
    if kind == "folder":
        manifest.mkdir()
    else:
        manifest.symlink_to("nowhere")
    with pytest.raises(DamagedCheckpoint, match=r"manifest\.json can't be read; delete it"):
        read_checkpoint(last)
    if kind == "folder":
        with pytest.raises(UserError, match="the checkpoint before it is untouched"):
            write_checkpoint(state(4), last)
        manifest.rmdir()
        assert read_checkpoint(last)["global_step"] == 3


def test_the_manifest_forged_along_with_it_runs_no_code_either(last: Path, tmp_path: Path) -> None:
    """Who can write both files can change the weights: sums are against damage, not forgery."""

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "canary"),)

    write_checkpoint({"global_step": 4, "state_dict": {}, "more": Evil()}, last)
    assert RunFolder(last.parents[1]).checkpoint_to_resume("auto") == last
    with pytest.raises(DamagedCheckpoint, match="can't be read as a checkpoint"):
        read_checkpoint(last)
    assert not (tmp_path / "canary").exists()


@pytest.fixture(scope="module")
def config(composed: Compose) -> Any:
    config = composed("experiment=ase_finegrained", "hydra.runtime.output_dir=RUN")
    OmegaConf.resolve(config)
    OmegaConf.set_struct(config, False)
    return config


OTHERS: dict[str, tuple[str, Any, str]] = {
    "another rank": ("model.adapter.rank", 9, r"model\.adapter\.rank: 2 -> 9"),
    "another seed": ("seed", 5, "seed: 0 -> 5"),
    "another data set": ("data.name", "other", r"data\.name: pascal_context -> other"),
    "another input size": ("data.image_size", [96, 96], r"data\.image_size"),
    "another number of classes": ("tasks.semseg.channels", 3, r"tasks\.semseg\.channels: 21 -> 3"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_checkpoint_of_another_run_is_refused(config: Any, last: Path, name: str) -> None:
    key, value, said = OTHERS[name]
    (last.parents[1] / "config.yaml").write_text(OmegaConf.to_yaml(config))
    check_same_run(last, config)
    other = config.copy()
    OmegaConf.update(other, key, value)
    with pytest.raises(UserError, match=said):
        check_same_run(last, other)


def test_the_same_tasks_in_another_order_are_refused(config: Any, last: Path) -> None:
    """The shapes are the same, so their embeddings and experts' gates would be exchanged."""
    (last.parents[1] / "config.yaml").write_text(OmegaConf.to_yaml(config))
    other = config.copy()
    other.tasks = {name: config.tasks[name] for name in reversed(list(config.tasks))}
    with pytest.raises(UserError, match="task axis"):
        check_same_run(last, other)


@pytest.mark.parametrize("text", ["seed: ${oc.env:HOME}", "- 1", "a: !!python/name:os.system"])
def test_a_config_beside_a_checkpoint_is_looked_at_too(last: Path, config: Any, text: str) -> None:
    (last.parents[1] / "config.yaml").write_text(text)
    with pytest.raises(UserError, match=r"config\.yaml"):
        check_same_run(last, config)


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", "metrics.json", "router.csv"])
@pytest.mark.parametrize("resume", ["auto", "never"])
def test_files_of_somebody_else_are_not_written_over(
    tmp_path: Path, name: str, resume: str
) -> None:
    """A config may choose its run_dir, e.g. the folder of another program."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match=rf"holds a {name} that no run wrote"):
        RunFolder(tmp_path).checkpoint_to_resume(resume)
    (tmp_path / "environment.json").write_text("{}")
    assert RunFolder(tmp_path).checkpoint_to_resume(resume) is None


class _Data:
    """What write_start asks of the data."""

    name = "d"

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def fingerprint(self) -> dict[str, str]:
        """As told."""
        return {"train": self.mark}

    def coverage(self) -> dict[str, int]:
        """Nothing."""
        return {}


def test_going_on_with_other_files_of_data_is_said(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    folder, config = RunFolder(tmp_path), OmegaConf.create({})
    folder.write_start(config, _Data("one"))  # type: ignore[arg-type]
    folder.write_start(config, _Data("one"))  # type: ignore[arg-type]
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"begun on other images.*train: one -> two"):
        folder.write_start(config, _Data("two"))  # type: ignore[arg-type]
