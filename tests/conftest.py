"""What all tests share: a small rendered data set, a tiny network, composed configs."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from mtl_ase.build import build_network, build_tasks
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.scenes import Scenes
from tests import composing

NUM_TRAIN, NUM_VAL, SIZE, SEED = 24, 8, 64, 7
ROOT = Path(__file__).parents[1]
PASCAL_MINI = Path(__file__).parents[2] / "shared" / "data" / "pascal_mini"

Compose = Callable[..., DictConfig]
Run = Callable[..., subprocess.CompletedProcess[str]]

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded as "said", also in other processes."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "said":
                terminalreporter.write_line(str(text))


@pytest.fixture(scope="session")
def scenes_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 24 training and 8 validation scenes of 64 x 64 pixels, with all labels."""
    root = tmp_path_factory.mktemp("data") / "scenes"
    return Scenes(NUM_TRAIN, NUM_VAL, (SIZE, SIZE), SEED, workers=1).prepare(root)


@pytest.fixture(scope="session")
def tiny(scenes_root: Path) -> list[str]:
    """Overrides that put any experiment on the small scenes with a tiny ViT of random weights."""
    return [
        "setting=scenes",
        f"data.root={scenes_root}",
        f"data.generator.num_train={NUM_TRAIN}",
        f"data.generator.num_val={NUM_VAL}",
        f"data.generator.size=[{SIZE},{SIZE}]",
        f"data.generator.seed={SEED}",
        f"data.image_size=[{SIZE},{SIZE}]",
        "data.batch_size=4",
        "trainer.max_epochs=2",
        "data.num_workers=0",
        "model.encoder.weights=null",
        "model.encoder.options={patch_size:16,embed_dim:48,depth:2,num_heads:2,class_token:true}",
        "size.head.hidden=8",
        "optimizer=adamw",
        "training.optimizer.lr=2e-3",
        "trainer=cpu",
        "trainer.precision=32-true",
        "trainer.log_every_n_steps=1",
        "callbacks.progress=null",
        "report.num_sheets=1",
        "report.page=false",
        "metrics.edge.max_images=2",
    ]


@pytest.fixture(scope="session")
def composed() -> Compose:
    """Composes overrides into the config that train.py would get."""
    return composing.composed


@pytest.fixture
def tiny_network(composed: Compose, tiny: list[str]) -> Callable[..., MultiTaskNetwork]:
    """Builds the tiny network of the experiment that the overrides name."""

    def build(*overrides: str) -> MultiTaskNetwork:
        torch.manual_seed(0)
        config = composed(*tiny, *overrides)
        network: MultiTaskNetwork = build_network(config, build_tasks(config))
        return network

    return build


@pytest.fixture(scope="session")
def script() -> Run:
    """Runs a script of the project, in a folder, to its end and gives what it printed."""

    def run(
        path: str, *arguments: str, cwd: Path = ROOT, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / path), *arguments]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout)

    return run


@pytest.fixture(scope="session")
def finished_run(script: Run, tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of fine-grained ASE, four steps long."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    overrides = ["experiment=ase_finegrained", f"run_dir={folder}", "trainer.max_steps=4"]
    more = ["report.trivial=true", "report.page=true"]
    done = script("train.py", *tiny, *overrides, *more)
    assert done.returncode == 0, done.stderr
    assert "Results" in done.stdout
    assert done.stdout.splitlines()[-1] == f"report: {folder / 'report.html'}", done.stderr
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a script like `script`, but in this process: it need not import everything anew."""

    def run(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / path), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        code: object = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                runpy.run_path(command[0], run_name="__main__")
            except SystemExit as end:
                code = end.code or 0
        assert isinstance(code, int)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(command, code, said.out, said.err)

    return run


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
