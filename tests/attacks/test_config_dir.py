"""Attacks by a stranger's folder of configs, given to train.py as --config-dir."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig

from mtl_ase.config import CONFIGS, run_main

Give = Callable[..., tuple[int, str, list[DictConfig]]]


@pytest.fixture
def give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Give:
    """Runs a command on what a stranger's YAML files compose to; its code, stderr and configs."""

    def run(files: dict[str, str], *arguments: str, option: str = "--config-dir") -> tuple:
        folder = tmp_path / "theirs"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        mine = f"hydra.run.dir={tmp_path / 'run'}"
        command = ["train.py", f"{option}={folder}", "hydra.mode=RUN", mine, *arguments]
        monkeypatch.setattr(sys, "argv", command)
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        seen: list[DictConfig] = []
        code = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                run_main(seen.append, "train")
            except SystemExit as end:
                code = int(end.code or 0)
        return code, capsys.readouterr().err, seen

    return run


SMALL = {"main.yaml": "defaults: [theirs, _self_]\n"}
"""A main config with nothing but the file under attack: quicker to compose than ours."""
CANARY = "{_target_: pathlib.Path.touch, self: {_target_: pathlib.Path, _args_: [CANARY]}}"
LOG = "version: 1\nhandlers: {a: {%s}}\nroot: {handlers: [a]}\n"

HYDRA: dict[str, str] = {
    "callbacks": f"# @package hydra.callbacks\nmine: {CANARY}\n",
    "callbacks, from the root": f"# @package _global_\nhydra: {{callbacks: {{mine: {CANARY}}}}}\n",
    "launcher": f"# @package hydra.launcher\nextra: {CANARY}\n",
    "launcher's shell commands": "# @package hydra.launcher\nsetup: [touch CANARY]\n",
    "sweeper": f"# @package hydra.sweeper\nparams: {{seed: {CANARY}}}\n",
    "job logging": "# @package hydra.job_logging\n" + LOG % "(): pathlib.Path.touch, self: CANARY",
    "log file": "# @package hydra.job_logging\n"
    + LOG % "class: logging.FileHandler, filename: CANARY",
    "hydra logging": "# @package hydra.hydra_logging\n"
    + LOG % "class: logging.FileHandler, filename: CANARY",
    "environment": "# @package hydra.job.env_set\nLD_PRELOAD: CANARY\n",
    "output folder": "# @package hydra\nrun: {dir: CANARY}\noutput_subdir: x\n",
    "working folder": "# @package hydra.job\nchdir: true\n",
    "search path": "# @package hydra\nsearchpath: [pkg://this]\n",
    "Hydra's own overrides": "# @package hydra.overrides\nhydra: [hydra.verbose=true]\n",
}


@pytest.mark.parametrize("name", HYDRA)
def test_hydras_own_node_is_refused(give: Give, tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    text = HYDRA[name].replace("CANARY", str(canary))
    code, said, seen = give({**SMALL, "theirs.yaml": text}, "--config-name=main")
    assert (code, seen) == (2, [])
    assert "sets hydra" in said or "hydra.searchpath is only supported" in said
    assert len(said.strip().splitlines()) == 1
    assert "Traceback" not in said
    assert not canary.exists()
    assert not (tmp_path / "run").exists()


def test_hydras_own_node_in_a_primary_config_is_refused(give: Give, tmp_path: Path) -> None:
    """--config-path makes the stranger's folder the main one."""
    text = "hydra:\n  searchpath: [pkg://this]\n"
    sys.modules.pop("this", None)
    code, said, seen = give({"train.yaml": text}, option="--config-path")
    assert (code, seen) == (2, [])
    assert "sets hydra" in said
    assert "this" not in sys.modules
    code, said, seen = give({"evil.yaml": text}, "--config-name=evil")
    assert (code, seen) == (2, [])
    assert "sets hydra" in said
    assert "this" not in sys.modules


def test_an_option_of_hydras_groups_by_a_stranger_is_refused(give: Give, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    files = {
        "setting/theirs.yaml": "# @package _global_\ndefaults:\n"
        "  - override /hydra/launcher: theirs\n",
        "hydra/launcher/theirs.yaml": "_target_: hydra._internal.core_plugins.basic_launcher."
        f"BasicLauncher\nx: {CANARY.replace('CANARY', str(canary))}\n",
    }
    code, said, seen = give(files, "setting=theirs")
    assert (code, seen) == (2, [])
    assert "sets hydra" in said
    assert not canary.exists()


SECRETS: dict[str, str] = {
    "oc.env": "${oc.env:A_SECRET}",
    "oc.env with spaces": "${ oc.env : A_SECRET}",
    "in a text": "a-${oc.env:A_SECRET}-b",
    "escaped": "\\${oc.env:A_SECRET}",
    "escaped twice": "\\\\${oc.env:A_SECRET}",
    "its resolver's name interpolated": "${${.p}.env:A_SECRET}",
    "decoded": "${oc.decode:'$\\{oc.env:A_SECRET\\}'}",
    "created": "${oc.create:'{a: $\\{oc.env:A_SECRET\\}}'}",
    "as a default value": "${oc.select:nothing,${oc.env:A_SECRET}}",
    "as an argument": "${folder_name:${oc.env:A_SECRET}}",
    "as a key": "${oc.dict.values:${oc.env:A_SECRET}}",
}


@pytest.mark.parametrize("name", SECRETS)
def test_the_environment_does_not_leak(
    give: Give, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Neither into a run's name nor, resolved, into its config.yaml."""
    monkeypatch.setenv("A_SECRET", "hunter2")
    quoted = SECRETS[name].replace("'", "''")
    text = f"# @package _global_\np: oc\nexperiment_name: '{quoted}'\n"
    code, said, seen = give({**SMALL, "theirs.yaml": text}, "--config-name=main")
    assert (code, seen) == (2, [])
    assert "experiment_name=" in said
    assert "interpolation" in said
    assert "hunter2" not in said
    assert not [path for path in tmp_path.rglob("*") if "hunter2" in path.name]


def test_a_friendly_folder_of_configs_works(give: Give, tmp_path: Path) -> None:
    """What experiments from elsewhere need: other values, nodes, and what the run is called."""
    text = (
        "# @package _global_\ndefaults:\n  - override /data: scenes\n"
        "experiment_name: mine\nmodel: {adapter: {rank: 2}}\n"
        "logger: {more: {_target_: mtl_ase.training.CSVLog, "
        "folder: '${hydra:runtime.output_dir}'}}\ntraining: {epochs: '${trainer.max_epochs}'}\n"
    )
    code, said, seen = give({"experiment/mine.yaml": text}, "experiment=mine")
    assert (code, said) == (0, "")
    assert seen[0].model.adapter.rank == 2
    assert seen[0].training.epochs == seen[0].trainer.max_epochs


def test_hydras_own_node_is_free_on_the_command_line(give: Give) -> None:
    arguments = ["+hydra.job.env_set.ATTACK=1", "hydra.job.chdir=false", "hydra/launcher=basic"]
    code, said, seen = give({"x.yaml": "a: 1\n"}, *arguments)
    assert (code, said, len(seen)) == (0, "", 1)


@pytest.mark.slow
def test_train_itself_refuses_a_strangers_folder(tmp_path: Path) -> None:
    theirs, canary = tmp_path / "theirs", tmp_path / "canary"
    (theirs / "setting").mkdir(parents=True)
    text = HYDRA["callbacks"].replace("CANARY", str(canary))
    (theirs / "setting" / "evil.yaml").write_text(text)
    command = [sys.executable, "train.py", "--config-dir", str(theirs)]
    for more in ([], ["-m"]):
        done = subprocess.run(
            [*command, *more, "setting=evil", f"run_dir={tmp_path / 'run'}"],
            cwd=CONFIGS.parent,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("error: ")
        assert "sets hydra" in done.stderr
    assert not canary.exists()
