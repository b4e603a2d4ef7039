"""Attacks by weights: files, names and options by which timm would fetch or unpickle others."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.model.encoders import ViTEncoder

OPTIONS = {"patch_size": 16, "embed_dim": 48, "depth": 1, "num_heads": 2}


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


def vit(**arguments: Any) -> ViTEncoder:
    options = arguments.pop("options", OPTIONS)
    given = {"name": "vit_tiny_patch16_224", "pretrained": False, **arguments}
    return ViTEncoder(["semseg"], image_size=(32, 32), options=options, **given)


def _npy(path: Path, evil: Evil) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([evil], dtype=object), allow_pickle=True)


FILES: dict[str, tuple[str, Callable[[Path, Evil], object]]] = {
    "a pickle": ("w.pth", lambda path, evil: path.write_bytes(pickle.dumps(evil))),
    "torch's file": ("w.pth", lambda path, evil: torch.save({"state_dict": evil}, path)),
    "torch's old format": (
        "w.pth",
        lambda path, evil: torch.save(evil, path, _use_new_zipfile_serialization=False),
    ),
    "hidden beside weights": (
        "w.pth",
        lambda path, evil: torch.save({"state_dict": {"w": torch.zeros(2)}, "args": evil}, path),
    ),
    "under the name of safetensors": (
        "w.safetensors",
        lambda path, evil: torch.save({"state_dict": evil}, path),
    ),
    "numpy's, of a transformer of JAX": ("w.npz", _npy),
    "a whole model": ("w.pt", lambda path, evil: torch.save(evil, path)),
}


@pytest.mark.parametrize("name", FILES)
def test_weights_that_are_a_pickle_run_nothing(tmp_path: Path, name: str) -> None:
    file, write = FILES[name]
    canary = tmp_path / "canary"
    write(tmp_path / file, Evil(canary))
    with pytest.raises(UserError, match=r"model\.encoder\.weights=\S+ can't be read"):
        vit(weights=str(tmp_path / file))
    assert not canary.exists()


def test_weights_are_read_as_weights_only_whatever_timm_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older versions of timm have another default."""
    asked: list[dict[str, Any]] = []

    def load(path: str, **options: Any) -> dict[str, Any]:
        asked.append(options)
        raise ValueError("stop here")

    monkeypatch.setattr("mtl_ase.model.encoders.pretrained.load_state_dict", load)
    (tmp_path / "w.pth").touch()
    with pytest.raises(UserError, match="stop here"):
        vit(weights=str(tmp_path / "w.pth"))
    assert asked[0]["weights_only"] is True


NAMES = [
    "hf_hub:stranger/model",
    "hf-hub:stranger/model@main",
    "local-dir:FOLDER",
    "local-dir:../FOLDER",
    "https://example.org/model",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_backbone_from_elsewhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Before timm looks at it: nothing is read and no connection is opened."""
    monkeypatch.setattr("timm.create_model", _must_not_run)
    canary = tmp_path / "canary"
    text = '{"architecture": "vit_tiny_patch16_224", "pretrained_cfg": {}}'
    (tmp_path / "config.json").write_text(text)
    torch.save(Evil(canary), tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="names a source of weights"):
        vit(name=name.replace("FOLDER", str(tmp_path)), pretrained=True)
    assert not canary.exists()


SOURCES: dict[str, Any] = {
    "checkpoint_path": "FILE",
    "pretrained_cfg": {"file": "FILE"},
    "pretrained_cfg_overlay": {"url": "http://127.0.0.1:9/x.pth"},
    "pretrained": True,
    "cache_dir": "FOLDER",
    "pretrained_strict": False,
    "scriptable": True,
    "features_only": True,
}


@pytest.mark.parametrize("option", SOURCES)
def test_an_option_that_names_a_source_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("timm.create_model", _must_not_run)
    with pytest.raises(UserError, match=re.escape(f"model.encoder.options.{option} is no arg")):
        vit(pretrained=True, options={**OPTIONS, option: SOURCES[option]})


def _must_not_run(*_: object, **__: object) -> None:
    raise AssertionError("timm was asked")


def test_plain_options_still_build() -> None:
    assert vit(options={**OPTIONS, "class_token": False}).width == 48
