"""A training in stages in two processes: none waits for the other, other tasks' heads stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.ranks.conftest import last, logged_steps


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_train_in_stages(
    finish: Callable[..., None], two_ranks: list[str], tmp_path: Path, accumulate: int
) -> None:
    folder = tmp_path / "run"
    finish(
        *two_ranks,
        "experiment=same_continual",
        "data.stages=[[edge],[semseg]]",
        "trainer.max_steps=4",
        "trainer.max_epochs=9",
        f"trainer.accumulate_grad_batches={accumulate}",
        "data.batch_size=2",
        "model.adapter.statistics_every_n_steps=1",
        f"run_dir={folder}",
    )
    assert logged_steps(folder) == [0, 1, 2, 3]
    assert last(folder)["global_step"] == 4
    end = last(folder)["state_dict"]
    stage = torch.load(folder / "checkpoints" / "stage_0.ckpt", weights_only=True)["state_dict"]
    moved = {name for name in end if not torch.equal(end[name], stage[name])}
    heads = {name.split(".")[3] for name in moved if ".heads." in name}
    assert heads == {"semseg"}
    counts = end["network.encoder.blocks.0.adapters.fc1.memory.counts_2"].tolist()
    tokens_of_an_image = 17
    assert counts == [4 * accumulate * 2 * 2 * tokens_of_an_image, 0]
    found = json.loads((folder / "forgetting.json").read_text())
    assert found["tasks"]["semseg"]["forgetting"] == 0
    assert found["tasks"]["edge"]["stage"] == 0
