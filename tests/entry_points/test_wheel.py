"""The package as pip installs it: built, put into an environment of its own, used elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PROGRAMS = sorted(PROJECT["scripts"])
SMALL = [
    "data.generator.num_train=4",
    "data.generator.num_val=2",
    "data.generator.size=[64,64]",
    "data.image_size=[64,64]",
    "data.batch_size=2",
    "data.num_workers=0",
    "trainer=cpu",
    "trainer.max_steps=2",
    "report.num_sheets=1",
    "metrics.edge.max_images=1",
]
"""Two steps on four scenes."""
MODULE = '''"""An adapter of one's own."""

from mtl_ase.model.adapters import LoRA


class HalfLoRA(LoRA):
    """LoRA at half of its scale."""

    def __init__(self, site, rank: int, alpha: float, sites=("qkv",)):
        super().__init__(site, rank, alpha / 2, sites=sites)
'''
CONFIGS = {
    "experiment/mine.yaml": """# @package _global_
# An experiment of my own.
defaults:
  - override /setting: scenes
  - override /model/adapter: half
experiment_name: mine
""",
    "model/adapter/half.yaml": """# @package model
adapter:
  _target_: my_adapters.HalfLoRA
  _partial_: true
  sites: [fc1]
  rank: 2
  alpha: 4.0
lora: null
""",
}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and with the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment")
    python, quiet = folder / "bin" / "python", {"check": True, "capture_output": True}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], **quiet)
    options = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    subprocess.run([*pip, *options, str(wheel)], **quiet, env=_environ())
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([str(python), "-c", asked], capture_output=True, text=True, check=True)
    libraries = "\n".join({sysconfig.get_path(name) for name in ("purelib", "platlib")})
    # a path file adds the folders, without what editable installs have put into them
    (Path(own.stdout.strip()) / "libraries.pth").write_text(libraries)
    return folder


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    """Runs a program of the wheel in an empty folder, or in that of the user's own files."""

    def run_program(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(environment / "bin" / name), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=_environ(), capture_output=True, text=True, timeout=300
        )

    return run_program


@pytest.fixture
def own_files(tmp_path: Path) -> list[str]:
    """A user's adapter and configs, in the working folder, and how they are named."""
    (tmp_path / "my_adapters.py").write_text(MODULE)
    for name, text in CONFIGS.items():
        path = tmp_path / "my_configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return ["--config-dir=my_configs", "--trust=my_adapters"]


def _environ() -> dict[str, str]:
    """The environment without ways to the checkout."""
    left_out = ("PYTHONPATH", "MTL_ASE_TRUST", "PYTHONSAFEPATH")
    return {key: value for key, value in os.environ.items() if key not in left_out}


def test_the_wheel_has_all_files_and_nothing_of_this_machine(wheel: Path) -> None:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(
        [*listed, "mtl_ase", "configs"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    expected = {re.sub("^configs/", "mtl_ase/configs/", name) for name in files}
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert "mtl_ase/py.typed" in expected


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_has_a_script_in_the_checkout(name: str) -> None:
    module = PROJECT["scripts"][name].removesuffix(":main")
    script = f"{module.rpartition('.')[2]}.py"
    paths = [path for path in (ROOT / script, ROOT / "scripts" / script) if path.is_file()]
    assert name == f"mtl-ase-{script.removesuffix('.py').replace('_', '-')}"
    assert [f"from {module} import main" in path.read_text() for path in paths] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_help(run: Run, name: str, tmp_path: Path) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: {name}" in done.stdout
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_configs_and_code_of_ones_own(run: Run, own_files: list[str], tmp_path: Path) -> None:
    place = ["data.root=scenes", "run_dir=run"]
    done = run("mtl-ase-train", *own_files, "experiment=mine", *SMALL, *place)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "DONE").is_file()
    assert "_target_: my_adapters.HalfLoRA" in (tmp_path / "run" / "config.yaml").read_text()
    assert '"git_revision": null' in (tmp_path / "run" / "environment.json").read_text()
    done = run("mtl-ase-evaluate", "run=run", *own_files)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "evaluation.json").is_file()


def test_wrong_use_is_told_with_ones_own_configs(run: Run, own_files: list[str]) -> None:
    done = run("mtl-ase-train", own_files[0], "experiment=mien")
    assert done.returncode == 2
    assert "did you mean mine? There are ase, " in done.stderr
    assert run("mtl-ase-train", own_files[0], "--help").stdout.count("An experiment of my own") == 1
    refused = run("mtl-ase-model-info", own_files[0], "experiment=mine")
    assert refused.returncode == 2
    assert "my_adapters.HalfLoRA is outside" in refused.stderr
    assert "add --trust=my_adapters" in refused.stderr


def test_a_reference_is_not_written_into_the_package(run: Run) -> None:
    done = run("mtl-ase-make-reference", "run", "--name=mine")
    assert done.returncode == 2
    assert "--config-dir is missing" in done.stderr


@pytest.mark.slow
def test_a_sweep(run: Run, own_files: list[str], tmp_path: Path) -> None:
    swept = ["-m", "experiment=mine", "model/adapter=half,lora", "run_dir=sweep"]
    done = run("mtl-ase-train", *own_files, *swept, "data.root=scenes", *SMALL)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("sweep/*/DONE"))) == 2


@pytest.mark.slow
def test_two_processes(run: Run, own_files: list[str], tmp_path: Path) -> None:
    two = ["trainer.strategy=ddp", "trainer.devices=2", "data.batch_size=1", "run_dir=run"]
    done = run("mtl-ase-train", *own_files, "experiment=mine", *SMALL, "data.root=scenes", *two)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "DONE").is_file()


@pytest.mark.slow
def test_a_search(run: Run, own_files: list[str], tmp_path: Path) -> None:
    space = ["folder=found", "trials=1", "metric=val/loss", "model.adapter.rank=choice(2,4)"]
    done = run("mtl-ase-search", *own_files, *space, "experiment=mine", *SMALL, "data.root=scenes")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "the best: mtl-ase-train --trust=my_adapters" in done.stdout


@pytest.mark.slow
def test_a_suite(run: Run, own_files: list[str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "title: Mine\nbaseline: mine\nrows: {mine: {title: Mine, overrides: [experiment=mine]}}\n"
    )
    given = ["mine.yaml", "seeds=0", "output=out", *own_files, *SMALL, "data.root=scenes"]
    done = run("mtl-ase-reproduce", *given)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Mine" in done.stdout
