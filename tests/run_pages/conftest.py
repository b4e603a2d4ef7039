"""Run folders for pages: real configs, logs as trainings write them, a tiny network's pictures."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from mtl_ase.base.csv_rows import write_rows
from mtl_ase.base.run_files import RunFiles
from mtl_ase.build import build_data, build_network, build_outline, build_tasks
from mtl_ase.inference import Model
from mtl_ase.model import count_parameters
from mtl_ase.run_pages import RunContent, SampleSet, choose_samples

TASKS = ("semseg", "human_parts", "saliency", "normals", "edge")
HEADLINES = ("semseg/miou", "human_parts/miou", "saliency/miou", "normals/merr", "edge/odsf")
STEPS = (0, 5, 10)
MakeRun = Callable[..., RunContent]


@pytest.fixture(scope="session")
def make_run(
    composed: Callable[..., DictConfig], tiny: list[str], tmp_path_factory: pytest.TempPathFactory
) -> MakeRun:
    """Writes a finished run of a name and reads it; `evaluated` adds what evaluate.py leaves."""
    root = tmp_path_factory.mktemp("runs")

    def make(name: str, *overrides: str, evaluated: bool = False, seed: int = 0) -> RunContent:
        folder = root / name
        folder.mkdir(exist_ok=True)
        files = RunFiles(folder)
        given = ["experiment=ase", *overrides, f"seed={seed}", f"run_dir={folder}"]
        config = composed(*tiny, *given, f"hydra.runtime.output_dir={folder}", "hydra.mode=RUN")
        files.config.write_text(OmegaConf.to_yaml(config, resolve=True))
        _write_logs(files, np.random.default_rng(seed))
        files.environment.write_text(
            json.dumps(
                {
                    "packages": {"torch": torch.__version__},
                    "overrides": [*tiny, *given],
                    "starts": ["2026-11-28T10:00:00+00:00"],
                    "ended": "2026-11-28T10:12:00+00:00",
                }
            )
        )
        if evaluated:
            _write_evaluation(files, np.random.default_rng(seed))
        return read(files, evaluated)

    return make


def read(files: RunFiles, evaluated: bool = False) -> RunContent:
    config = OmegaConf.load(files.config)
    assert isinstance(config, DictConfig)
    tasks = build_tasks(config)
    counts = count_parameters(build_outline(OmegaConf.create(OmegaConf.to_container(config))))
    return RunContent(files, config, tasks, tasks if evaluated else {}, counts)


def pictures(run: RunContent, count: int = 3, worst: dict[str, str] | None = None) -> SampleSet:
    """Of the run's network with random weights."""
    torch.manual_seed(0)
    network = build_network(run.config, run.tasks)
    data = build_data(run.config, run.tasks)
    model = Model(network, run.tasks, data.size_hw, data.augmentation)
    return choose_samples(model, data, count, worst or {})


def _write_logs(files: RunFiles, rng: np.random.Generator) -> None:
    losses = [f"train/{task}/loss" for task in TASKS]
    scores = [f"val/{key}" for key in HEADLINES]
    rows: list[list[object]] = []
    for step in range(12):
        rows.append([step, *(f"{2 / (step + 1) + rng.random() / 10:.4g}" for _ in losses), 3.5])
        rows[-1] += [""] * len(scores)
        if step in (5, 11):
            rows.append([step, *[""] * (len(losses) + 1), *(50 + step + rng.random(5))])
    write_rows(files.log, ["step", *losses, "train/loss", *scores], rows)
    columns = ["step", "layer", "site", "task", "expert", "gate", "share", "probability"]
    routers: list[list[object]] = []
    for step in STEPS:
        for layer in range(2):
            for task in TASKS:
                gate = rng.dirichlet(np.ones(6))
                for expert in range(6):
                    shared = expert >= 4
                    share = 1.0 if shared else 0.5
                    probability = "" if shared else 0.25
                    row = [step, layer, "ffn", task, expert, gate[expert], share, probability]
                    routers.append(row)
    write_rows(files.router_log, columns, routers)
    columns = ["step", "layer", "task", "other", "cosine", "task_norm", "other_norm"]
    pairs = [("semseg", "edge"), ("semseg", "normals"), ("normals", "edge")]
    write_rows(
        files.gradient_log,
        columns,
        [
            [step, layer, *pair, rng.uniform(-1, 1), 1, 1]
            for step in STEPS
            for layer in ("all", "block 0", "block 1")
            for pair in pairs
        ],
    )
    values = dict(zip(HEADLINES, (60 + rng.random(5)).tolist(), strict=True))
    files.metrics.write_text(json.dumps({**values, "edge/bce": 0.04, "delta_m": rng.normal()}))
    files.done.touch()


def _write_evaluation(files: RunFiles, rng: np.random.Generator) -> None:
    files.evaluation.mkdir(exist_ok=True)
    images = [f"val_{number:06d}" for number in range(8)]
    rows = [[name, *(f"{value:.6g}" for value in rng.uniform(20, 80, 5))] for name in images]
    rows[3][2] = ""  # no person in it
    write_rows(files.evaluation / "images.csv", ["image", *HEADLINES], rows)
    score = {"value": 61.0, "low": 58.5, "high": 63.5}
    files.details.write_text(
        json.dumps(
            {
                "name": "last",
                "dataset": "scenes",
                "protocol": "astmt",
                "order": "resize_first",
                "images": len(images),
                "scores": dict.fromkeys(HEADLINES, score),
                "semseg/miou by class": {"background": 90.0, "person": 45.5, "sofa": None},
            }
        )
    )


@pytest.fixture(scope="session")
def evaluated_run(make_run: MakeRun) -> RunContent:
    """A run with everything that a page shows."""
    return make_run("evaluated", "training.optimizer.lr=0.125", evaluated=True)


@pytest.fixture(scope="session")
def samples(evaluated_run: RunContent) -> SampleSet:
    """Pictures of three spread images and one of the worst."""
    return pictures(evaluated_run, worst={"val_000001": "worst semseg/miou 20.00"})
