"""A run in stages that is stopped and resumed ends bit for bit like one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from mtl_ase.base.run_files import RunFiles
from tests.conftest import Compose
from tests.resume.runs import BATCH, QUIET, Setting, Stop, equal, run, same_end

pytestmark = QUIET

START, END = "on_train_batch_start", "on_train_batch_end"
PLAIN = Setting()
"""Twelve steps: stages begin at steps 0, 4 and 8, the second in an epoch, the third in another."""
RAGGED = Setting(accumulate=4, max_steps=5, epochs=9, every=2, ema=True, save_every=2)
"""Windows of four batches and of two; stages begin at steps 0, 1 and 3."""

CASES = [
    (PLAIN, Stop(START, 5)),  # in the first batch of a stage, whose checkpoint is not yet written
    (PLAIN, Stop(END, 4, by="term")),  # after the last step of a stage
    (RAGGED, Stop(END, 10, late=True)),
]
SLOW = [
    (PLAIN, Stop(END, 6)),
    (PLAIN, Stop("on_fit_end", 1)),
    (RAGGED, Stop(START, 8)),
    *((PLAIN, Stop(START, count)) for count in (4, 6, 8, 9, 10)),
    *((PLAIN, Stop(END, count, late=True)) for count in (4, 5, 7, 8, 9)),
    *((PLAIN, Stop(END, count, by="term")) for count in (5, 8)),
    (PLAIN, Stop("on_validation_start", 1)),
    *((RAGGED, Stop(START, count)) for count in (5, 6, 9, 11, 12)),
    *((RAGGED, Stop(END, count, by="term")) for count in (1, 4, 8)),
]


@pytest.fixture(scope="module")
def config(composed: Compose, tiny: list[str]) -> DictConfig:
    """Three tasks in three stages, a look at the inputs every second step."""
    return composed(
        "experiment=same_continual",
        *tiny,
        "tasks=[semseg,saliency,normals]",
        "data.stages=[[semseg],[normals],[saliency]]",
        "data.image_size=[32,32]",
        f"data.batch_size={BATCH}",
        "model.adapter.statistics_every_n_steps=2",
        "model.adapter.tau=0.3",
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[Setting, Path]:
    """Folders of runs that nothing happened to, by settings."""
    return {}


@pytest.mark.parametrize(
    ("setting", "stop"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)],
    ids=str,
)
def test_a_resumed_run_ends_like_one_that_was_never_stopped(
    config: DictConfig,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    undisturbed: dict[Setting, Path],
    setting: Setting,
    stop: Stop,
) -> None:
    """Weights, memories, optimiser, logs and scores, and the checkpoints of the stages."""
    if setting not in undisturbed:
        folder = tmp_path_factory.mktemp("undisturbed")
        run(config, folder, setting)
        undisturbed[setting] = folder
    assert run(config, tmp_path / "run", setting, stop), "the stop comes before the end"
    run(config, tmp_path / "run", setting)
    same_end(undisturbed[setting], tmp_path / "run")
    folders = (undisturbed[setting], tmp_path / "run")
    for number in (0, 1):
        files = [RunFiles(folder).stage_end(number) for folder in folders]
        one, other = (torch.load(file, weights_only=True) for file in files)
        equal(one["state_dict"], other["state_dict"])
        assert one["global_step"] == other["global_step"]
    assert any(name.endswith("memory.covariance_DD") for name in one["state_dict"])
