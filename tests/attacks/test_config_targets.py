"""Attacks on what a config may build: other code under allowed names, nodes that hide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_tasks
from mtl_ase.config import check_targets

BUILD = {"_target_": "mtl_ase.base.atomic_files.sync_folder", "folder": "/tmp"}

OTHER_CODE: dict[str, str] = {
    "a writer of our own": "mtl_ase.model.save_weights",
    "a reader of pickles of our own": "mtl_ase.model.load_weights",
    "the device's settings": "mtl_ase.training.prepare_device",
    "a metric that downloads a network": "torchmetrics.text.bert.BERTScore",
    "another one": "torchmetrics.image.lpip.LearnedPerceptualImagePatchSimilarity",
    "a logger that talks to any server": "lightning.pytorch.loggers.MLFlowLogger",
    "wandb with any server": "lightning.pytorch.loggers.WandbLogger",
    "a whole command line": "lightning.pytorch.callbacks.callback.pl.cli.LightningCLI",
    "a server": "lightning.pytorch.callbacks.callback.pl.serve.ServableModuleValidator",
    "os by way of an allowed module": "torch.nn.modules.module.os.system",
    "importlib by way of one": "torch.nn.modules.module.importlib.import_module",
    "unpickling by way of one": "torch.nn.modules.lazy.torch.package.PackageImporter",
    "a metaclass": "torch.nn.Module.__class__",
    "unpickling by way of TorchJD": "torchjd.aggregation._mgda.torch.load",
    "another metaclass by way of it": "torchjd.aggregation._mgda.torch.nn.Module.__class__",
    "the base of all": "torchmetrics.Metric.__mro__",
    "a method of a class": "torch.nn.Module.load_state_dict",
    "a colon as in entry points": "torch.nn:ReLU",
    "a null byte": "torch.nn.\0",
    "spaces": " os.system",
    "no name": "",
    "dots": "torch.nn..ReLU",
}


@pytest.mark.parametrize("name", OTHER_CODE)
def test_other_code_is_refused(name: str) -> None:
    import lightning.pytorch.cli  # what an import elsewhere makes reachable
    import lightning.pytorch.serve  # noqa: F401

    config = OmegaConf.create({"a": {"_target_": OTHER_CODE[name]}})
    with pytest.raises(UserError, match=r"a\._target_=.* (outside what configs|does not exist)"):
        check_targets(config)


@pytest.mark.parametrize("target", [["os.system"], {"a": "os.system"}, None, 3])
def test_a_target_that_is_no_name_is_refused(target: Any) -> None:
    with pytest.raises(UserError, match="outside what configs may build"):
        check_targets(OmegaConf.create({"a": {"_target_": target}}))


HIDDEN: dict[str, dict[str, Any]] = {
    "in _args_": {"_target_": "torch.nn.Sequential", "_args_": [BUILD]},
    "in _args_ of _args_": {"_target_": "torch.nn.ReLU", "_args_": [[{"x": [BUILD]}]]},
    "partial": {**BUILD, "_partial_": True},
    "not recursive": {"_target_": "torch.nn.ReLU", "_recursive_": False, "inplace": BUILD},
    "under a key that looks like Hydra's": {"_convert_": "all", "_target_2_": BUILD},
    "made by oc.create": {"x": "${oc.create:'{_target_: os.system}'}"},
    "its name made by oc.decode": {"_target_": "${oc.decode:os.system}"},
    "its name in pieces": {"_target_": "${p}.${q}"},
    "its name in the environment": {"_target_": "${oc.env:ATTACK}"},
    "made when it is resolved again": {
        "_target_": "torch.nn.Sequential",
        "_args_": ["\\${oc.create:{_target_:mtl_ase.base.atomic_files.sync_folder,folder:/tmp}}"],
    },
    "its name made when it is resolved again": {"_target_": "\\${oc.decode:os.getcwd}"},
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_node_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tasks are built, the first thing that is; nothing of it runs."""
    monkeypatch.setenv("ATTACK", "os.system")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mtl_ase.base.atomic_files.sync_folder", _must_not_run)
    monkeypatch.setattr("mtl_ase.base.atomic_files.write_atomically", _must_not_run)
    task = {"_target_": "mtl_ase.tasks.Task", "metrics": {"more": HIDDEN[name]}}
    config = OmegaConf.create({"p": "os", "q": "system", "tasks": {"semseg": task}})
    with pytest.raises(UserError, match=r"tasks\.semseg\.metrics\.more"):
        build_tasks(config)
    assert not list(tmp_path.iterdir())


def _must_not_run(*_: object, **__: object) -> None:
    raise AssertionError("the config ran code")
