"""Attacks by names and files of data: run names, split lists, pickles under other names."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO
from omegaconf.errors import InterpolationResolutionError

from mtl_ase.base.errors import UserError
from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.config import explain
from mtl_ase.config.resolvers import _folder_name
from mtl_ase.data.labels.files import read_mat, read_npy
from mtl_ase.data.layout import PASCAL_MT
from mtl_ase.evaluation import PredictionFiles
from mtl_ase.training.wandb_log import stored_id
from tests.conftest import Compose


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


LISTS: dict[str, bytes] = {
    "upwards": b"a\n../../secret\n",
    "upwards in the middle": b"a/../../b\n",
    "absolute": b"/etc/passwd\n",
    "a null byte": b"a\0b\n",
    "a terminal's escape": b"a\x1b[2J\n",
    "a form feed": b"a\x0cb\n",
    "another script's line end": "a\u2028../../b\n".encode(),
    "letters written backwards": "a\u202egpj.b\n".encode(),
    "twice": b"a\na\n",
    "nothing": b"\n \n",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_split_list_names_files_in_its_folder(tmp_path: Path, name: str) -> None:
    path = PASCAL_MT.split_path(tmp_path, "val")
    path.parent.mkdir(parents=True)
    path.write_bytes(LISTS[name])
    with pytest.raises(UserError, match=r"val\.txt lists") as caught:
        PASCAL_MT.read_split(tmp_path, "val")
    assert str(caught.value).isprintable()


def test_a_split_list_with_windows_line_ends_is_read(tmp_path: Path) -> None:
    path = PASCAL_MT.split_path(tmp_path, "val")
    path.parent.mkdir(parents=True)
    path.write_bytes("a\r\nb c\r\n\r\né{0}\r\n".encode())
    assert PASCAL_MT.read_split(tmp_path, "val") == ["a", "b c", "é{0}"]
    assert PASCAL_MT.image_path(tmp_path, "{0.__class__}").name == "{0.__class__}.jpg"


RUN_NAMES = ["a/b", "../x", "..", ".", "", "a\nb", "a\0b", "a\x1b[2Jb", "a\\b", "x" * 201]


@pytest.mark.parametrize("name", RUN_NAMES)
def test_the_name_of_a_run_is_one_folder(name: str) -> None:
    with pytest.raises(UserError, match="can't be a folder's name"):
        _folder_name(name)


@pytest.mark.parametrize("name", ["x" * 200, "ü" * 127, "日本", "a b", "ase=1,2", "~", "$HOME"])
def test_other_names_of_runs_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    assert _folder_name(name) == name
    (tmp_path / _folder_name(name)).mkdir()


def test_a_name_too_long_in_bytes_is_refused(composed: Compose) -> None:
    config = composed("hydra.mode=RUN")
    config.experiment_name = "日" * 100
    with pytest.raises(InterpolationResolutionError) as caught:
        str(config.run_dir)
    assert "can't be a folder's name" in (explain(caught.value) or "")


def _npy(path: Path, evil: Evil) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([[evil]], dtype=object), allow_pickle=True)


def test_a_pickled_npy_of_labels_runs_nothing(tmp_path: Path) -> None:
    _npy(tmp_path / "x.npy", Evil(tmp_path / "canary"))
    with pytest.raises(UserError, match="can't be read as a numpy file"):
        read_npy(tmp_path / "x.npy")
    (tmp_path / "y.npy").write_bytes(pickle.dumps(Evil(tmp_path / "canary")))
    with pytest.raises(UserError, match="can't be read as a numpy file"):
        read_npy(tmp_path / "y.npy")
    assert not (tmp_path / "canary").exists()


def test_a_pickled_npy_of_predictions_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    _npy(tmp_path / "edge" / "a.npy", Evil(tmp_path / "canary"))
    files = PredictionFiles(tmp_path, {"edge": None})  # type: ignore[dict-item]
    with pytest.raises(UserError, match="can't be read as a numpy file"):
        files.read("edge", "a", (1, 1))
    assert not (tmp_path / "canary").exists()


def _objects(path: Path) -> None:
    scipy.io.savemat(path, {"LabelMap": np.array([["a", [1, 2]]], dtype=object)})


def _no_matlab(path: Path) -> None:
    path.write_bytes(pickle.dumps(Evil(path.parent / "canary")))


@pytest.mark.parametrize("write", [_objects, _no_matlab], ids=["cells", "a pickle"])
def test_a_mat_file_with_objects_runs_nothing(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    from mtl_ase.data.labels.files import read_label_map

    write(tmp_path / "x.mat")
    with pytest.raises(UserError, match=r"x\.mat"):
        read_label_map(tmp_path / "x.mat")
    with pytest.raises(UserError, match=r"x\.mat"):
        read_mat(tmp_path / "x.mat", "nothing")
    assert not (tmp_path / "canary").exists()


def test_resume_from_a_pickle_runs_nothing(tmp_path: Path) -> None:
    """Also where a config replaces the plugin that reads checkpoints by Lightning's own."""
    path = tmp_path / "theirs.ckpt"
    torch.save({"state_dict": Evil(tmp_path / "canary")}, path)
    assert RunFolder(tmp_path / "run").checkpoint_to_resume(str(path)) == path
    trainer = Trainer(
        accelerator="cpu", logger=False, plugins=[TorchCheckpointIO()], default_root_dir=tmp_path
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(pickle.UnpicklingError):
            trainer._checkpoint_connector.resume_start(path, weights_only=True)
    assert not (tmp_path / "canary").exists()


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Taking it would empty the file that it leads to."""
    (tmp_path / "run").mkdir()
    (tmp_path / "thesis.doc").write_text("do not touch")
    (tmp_path / "run" / ".lock").symlink_to(tmp_path / "thesis.doc")
    with (
        pytest.raises(UserError, match=r"run_dir=.* can't be written to"),
        folder_lock(tmp_path / "run", "run_dir"),
    ):
        raise AssertionError("it was taken")
    assert (tmp_path / "thesis.doc").read_text() == "do not touch"


@pytest.mark.parametrize("content", ["a secret = of another file\n", "", "../x", "A" * 500])
def test_an_id_of_wandb_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    """It may be a link to another file, whose content would be sent along."""
    (tmp_path / "wandb_id").write_text(content)
    with pytest.raises(UserError, match="wandb_id holds no id"):
        stored_id(tmp_path / "wandb_id")
