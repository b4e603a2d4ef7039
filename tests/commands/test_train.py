"""Training from the command line: what a run leaves, how it goes on, what it refuses."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from tests.conftest import NUM_TRAIN, PASCAL_MINI, ROOT, Run

KEYS = {
    "semseg/miou",
    "human_parts/miou",
    "saliency/miou",
    "saliency/maxf",
    "normals/merr",
    "edge/odsf",
    "edge/bce",
    "delta_m",
}


def read_log(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def logged_steps(folder: Path) -> list[int]:
    return [int(row["step"]) for row in read_log(folder) if row.get("train/loss")]


@pytest.fixture
def tiny_elsewhere(tiny: list[str]) -> list[str]:
    """The tiny network for two steps on a data set that is not rendered."""
    of_scenes = ("setting", "data.", "optimizer")
    kept = [override for override in tiny if not override.startswith(of_scenes)]
    training = ["data.batch_size=4", "trainer.max_steps=2"]
    return [*kept, *training, "model/decoder=light", "model.encoder.pretrained=false"]


def load_config(folder: Path) -> DictConfig:
    config = OmegaConf.load(folder / "config.yaml")
    assert isinstance(config, DictConfig)
    return config


def load(checkpoint: Path) -> dict[str, object]:
    content: dict[str, object] = torch.load(checkpoint, weights_only=True)
    return content


def test_a_run_leaves_a_complete_folder(finished_run: Path) -> None:
    names = {path.name for path in finished_run.iterdir()}
    assert names >= {
        "config.yaml",
        "metrics.csv",
        "metrics.json",
        "metrics_trivial.json",
        "router.csv",
        "checkpoints",
        "figures",
        "predictions",
        "environment.json",
        "DONE",
    }
    names = {path.name for path in (finished_run / "checkpoints").iterdir()}
    assert names == {"last.ckpt", "best.ckpt", "manifest.json"}
    figures = {path.stem for path in (finished_run / "figures").iterdir()}
    assert figures == {"losses", "routers", "selections", "router_health", "expert_maps"}
    health = json.loads((finished_run / "routers.json").read_text())["steps"]
    assert all(0 < weight < 1 for each in health for weight in each["shared"].values())
    for sheet in (finished_run / "predictions").iterdir():
        with Image.open(sheet) as picture:
            assert min(picture.size) > 400


def test_metrics_have_the_promised_keys_and_units(finished_run: Path) -> None:
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert metrics.keys() == KEYS
    for key in KEYS - {"delta_m", "edge/bce"}:
        assert 0 <= metrics[key] <= 180
    assert json.loads((finished_run / "metrics_trivial.json").read_text()).keys() == KEYS


def test_the_config_of_a_run_is_resolved(finished_run: Path) -> None:
    text = (finished_run / "config.yaml").read_text()
    assert "${" not in text
    assert "num_experts: 32" in text


def test_the_environment_names_versions_and_data(finished_run: Path) -> None:
    environment = json.loads((finished_run / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__.split("+")[0]
    assert environment["data"]["coverage"]["train"]["images"] == NUM_TRAIN
    assert len(environment["data"]["fingerprint"]["val"]) == 16


def test_every_step_is_logged_with_every_task(finished_run: Path) -> None:
    assert logged_steps(finished_run) == [0, 1, 2, 3]
    row = read_log(finished_run)[0]
    for task in ("semseg", "human_parts", "saliency", "normals", "edge", "router"):
        assert float(row[f"train/{task}/loss"]) == pytest.approx(float(row[f"train/{task}/loss"]))


@pytest.mark.slow
def test_a_stopped_run_goes_on_with_its_optimiser_and_step(
    script: Run, tiny: list[str], tmp_path: Path
) -> None:
    overrides = ["experiment=ase", f"run_dir={tmp_path / 'run'}", "resume=auto"]
    assert script("train.py", *tiny, *overrides, "trainer.max_steps=3").returncode == 0
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    before = load(last)
    done = script("train.py", *tiny, *overrides, "trainer.max_steps=5")
    assert done.returncode == 0, done.stderr
    after = load(last)
    assert (before["global_step"], after["global_step"]) == (3, 5)
    first = next(iter(after["optimizer_states"][0]["state"].values()))
    assert first["step"] == 5, "the optimiser's own step went on"
    assert logged_steps(tmp_path / "run") == [0, 1, 2, 3, 4]


def test_a_killed_run_goes_on(tiny: list[str], script: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    overrides = [
        "experiment=ase",
        f"run_dir={folder}",
        "resume=auto",
        "callbacks.last.every_n_steps=1",
        "trainer.max_epochs=1000",
    ]
    command = [sys.executable, "train.py", *tiny, *overrides]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (folder / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "DONE").exists()
    reached = load(folder / "checkpoints" / "last.ckpt")["global_step"]
    assert isinstance(reached, int)
    done = script("train.py", *tiny, *overrides, f"trainer.max_steps={reached + 2}")
    assert done.returncode == 0, done.stderr
    assert load(folder / "checkpoints" / "last.ckpt")["global_step"] == reached + 2
    assert (folder / "DONE").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130)],
)
def test_a_signal_saves_and_ends_the_run(
    tiny: list[str], script: Run, tmp_path: Path, number: int, code: int
) -> None:
    folder = tmp_path / "run"
    overrides = ["experiment=ase", f"run_dir={folder}", "resume=auto", "trainer.max_epochs=1000"]
    overrides += ["trainer.check_val_every_n_epoch=1000", "callbacks.last.every_n_steps=100000"]
    command = [sys.executable, "train.py", *tiny, *overrides]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    log = folder / "metrics.csv"
    while not (log.is_file() and len(logged_steps(folder)) > 2) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(timeout=60) == code
    assert not (folder / "DONE").exists()
    reached = load(folder / "checkpoints" / "last.ckpt")["global_step"]
    assert reached >= 3
    done = script("train.py", *tiny, *overrides, f"trainer.max_steps={reached + 2}")
    assert done.returncode == 0, done.stderr
    assert logged_steps(folder) == list(range(reached + 2))


def test_a_second_run_does_not_overwrite_the_first(
    here: Run, tiny: list[str], finished_run: Path
) -> None:
    before = (finished_run / "metrics.json").read_bytes()
    done = here("train.py", *tiny, "experiment=ase", f"run_dir={finished_run}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "resume=auto" in done.stderr
    assert (finished_run / "metrics.json").read_bytes() == before


@pytest.mark.slow
def test_a_sweep_makes_a_run_of_every_combination(
    script: Run, tiny: list[str], tmp_path: Path
) -> None:
    sweep = ["experiment=ase,lora_moe", "experiment_name=mine", "trainer.max_steps=1"]
    done = script("train.py", "-m", *tiny, *sweep, "report.num_sheets=0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    runs = sorted(path.parent for path in tmp_path.glob("runs/mine/sweep/*/DONE"))
    assert len(runs) == 2
    gates = {load_config(run).model.adapter.gate._target_ for run in runs}
    assert gates == {f"mtl_ase.model.adapters.{name}" for name in ("AdaptiveShared", "SoftmaxTopK")}


@pytest.mark.slow
def test_a_task_without_labels_is_null_and_the_others_go_on(
    script: Run, tiny_elsewhere: list[str], scenes_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "partly labelled"
    root.mkdir()
    for folder in scenes_root.iterdir():
        if folder.name not in ("normals_distill", "scenes.json"):
            (root / folder.name).symlink_to(folder)
    overrides = [
        "experiment=ase",
        f"run_dir={tmp_path / 'run'}",
        f"data.root='{root}'",
        "data.image_size=[64,64]",
    ]
    done = script("train.py", *tiny_elsewhere, *overrides)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["normals/merr"] is None
    assert metrics["delta_m"] is None
    assert metrics["semseg/miou"] is not None
    assert float(read_log(tmp_path / "run")[0]["train/normals/loss"]) == 0


@pytest.mark.skipif(not PASCAL_MINI.is_dir(), reason="needs the real mini PASCAL-Context")
def test_real_images_with_partial_labels_train(
    script: Run, tiny_elsewhere: list[str], tmp_path: Path
) -> None:
    overrides = [
        "experiment=ase_finegrained",
        f"run_dir={tmp_path / 'run'}",
        f"data.root={PASCAL_MINI}",
        "data.num_workers=0",
        "trainer.limit_val_batches=2",
    ]
    done = script("train.py", *tiny_elsewhere, *overrides)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["normals/merr"] is None
    assert metrics["edge/odsf"] is not None
