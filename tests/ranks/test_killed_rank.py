"""Two processes of which one is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ranks.conftest import Start, last, logged_steps, ranks, wait_for_end, wait_for_steps

PROMISED_S = 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "victim"),
    [
        ("lightning", 0),
        ("torchrun", 1),
        ("lightning", 1),
        ("torchrun", 0),
    ],
)
def test_a_killed_rank_ends_the_others_and_the_run_goes_on(
    start: Start,
    finish: Callable[..., None],
    two_ranks: list[str],
    tmp_path: Path,
    by: str,
    victim: int,
) -> None:
    folder = tmp_path / "run"
    overrides = [*two_ranks, f"run_dir={folder}", "callbacks.last.every_n_steps=1"]
    overrides += ["trainer.max_epochs=1000", "trainer.check_val_every_n_epoch=1000"]
    process = start(*overrides, by=by)
    wait_for_steps(process, folder, 4)
    of_rank = ranks(process, by)
    assert of_rank.keys() == {0, 1}
    os.kill(of_rank[victim], signal.SIGKILL)
    wait_for_end(process, of_rank.values(), PROMISED_S)
    assert process.returncode != 0
    assert not (folder / "DONE").exists()
    reached = last(folder)["global_step"]
    finish(*overrides, f"trainer.max_steps={reached + 2}", by=by)
    assert (folder / "DONE").exists()
    assert logged_steps(folder) == list(range(reached + 2))
