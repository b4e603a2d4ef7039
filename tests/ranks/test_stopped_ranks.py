"""Two processes that are told to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ranks.conftest import (
    FAULTY,
    Start,
    last,
    logged_steps,
    ranks,
    saved_steps,
    wait_for_end,
    wait_for_steps,
)
from tests.resume.runs import equal

LONG = ["trainer.max_epochs=1000", "trainer.check_val_every_n_epoch=1000", "data.batch_size=1"]


@pytest.mark.parametrize(
    ("by", "told", "code"),
    [
        pytest.param("lightning", "first", 143, marks=pytest.mark.slow),
        ("lightning", "second", 143),
        pytest.param("lightning", "all", 143, marks=pytest.mark.slow),
        pytest.param("torchrun", "launcher", 1, marks=pytest.mark.slow),
        pytest.param("torchrun", "second", 1, marks=pytest.mark.slow),
    ],
)
def test_all_stop_after_the_same_step(
    start: Start,
    two_ranks: list[str],
    tmp_path: Path,
    by: str,
    told: str,
    code: int,
) -> None:
    """Also with loader processes, which get the signal too where all do."""
    folder = tmp_path / "run"
    overrides = [*two_ranks, *LONG, f"run_dir={folder}", "data.num_workers=1"]
    process = start(*overrides, by=by)
    wait_for_steps(process, folder, 4)
    of_rank = ranks(process, by)
    if told == "all":
        os.killpg(process.pid, signal.SIGTERM)
    else:
        pids = {"first": of_rank[0], "second": of_rank[1], "launcher": process.pid}
        os.kill(pids[told], signal.SIGTERM)
    wait_for_end(process, of_rank.values(), 60)
    assert process.returncode == code
    reached = last(folder)["global_step"]
    assert logged_steps(folder) == list(range(reached))
    assert len(set(saved_steps(folder))) == len(saved_steps(folder))


@pytest.mark.slow
def test_a_signal_before_the_first_step_ends_all(
    start: Start, two_ranks: list[str], tmp_path: Path
) -> None:
    overrides = [*two_ranks, *LONG, f"run_dir={tmp_path / 'run'}"]
    process = start(*overrides, script=FAULTY, TEST_SIGNAL="0 -1")
    assert process.wait(timeout=120) == 143
    assert last(tmp_path / "run")["global_step"] == 1


@pytest.mark.slow
def test_a_resumed_run_ends_like_one_that_was_never_stopped(
    start: Start, finish: Callable[..., None], two_ranks: list[str], tmp_path: Path
) -> None:
    """The second process is told to stop in the middle of the second epoch."""
    overrides = [*two_ranks, "experiment=ase_finegrained", "trainer.max_epochs=3"]
    overrides += ["data.batch_size=2", "callbacks=ema", "callbacks.progress=null"]
    calm, stopped = tmp_path / "calm", tmp_path / "stopped"
    finish(*overrides, f"run_dir={calm}")
    process = start(*overrides, f"run_dir={stopped}", script=FAULTY, TEST_SIGNAL="1 8")
    assert process.wait(timeout=120) == 143
    assert last(stopped)["global_step"] == 10  # the first process heard of it in step 9
    finish(*overrides, f"run_dir={stopped}")
    one, other = last(calm), last(stopped)
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "current_model_state"):
        equal(one[part], other[part], part)
    for name in ("metrics.csv", "router.csv", "metrics.json"):
        assert (calm / name).read_bytes() == (stopped / name).read_bytes(), name
