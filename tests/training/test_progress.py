"""What is shown of a training, in a terminal and in a log file."""

from __future__ import annotations

import io
import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from mtl_ase.training import Progress, progress

LOSSES = {
    "semseg": 0.9444,
    "human_parts": 0.774,
    "saliency": 0.093,
    "normals": 0.1875,
    "edge": 4e-2,
}
METRICS = {"train/loss": 6.783} | {f"train/{name}/loss": loss for name, loss in LOSSES.items()}
ALL = "semseg 0.944  human_parts 0.774  saliency 0.093  normals 0.188  edge 0.04"
SCORES = {"a/miou": 51.53, "b/merr": 22.14, "c/odsf": None}
MODULE: Any = SimpleNamespace(
    tasks={key[0]: SimpleNamespace(headline_key=key) for key in SCORES}, results=SCORES
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is half a second later; a training of 40 steps."""
    times = itertools.count(0, 0.5)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(progress, "training_steps", lambda trainer: 40)


def shown(terminal: bool, rank: int = 0) -> str:
    """What 20 steps and a validation of three batches print."""
    text = io.StringIO()
    made = Progress(terminal_s=1.0, file_s=5.0)
    made.console = Console(file=text, force_terminal=terminal, width=80, height=24)
    if rank:
        made.disable()
    trainer: Any = SimpleNamespace(
        global_step=0,
        progress_bar_metrics=METRICS,
        accumulate_grad_batches=1,
        sanity_checking=False,
        num_val_batches=[3],
    )
    made.on_train_start(trainer, MODULE)
    for step in range(20):
        trainer.global_step = step + 1
        made.on_train_batch_end(trainer, MODULE, None, None, step)
    for batch in range(3):
        made.on_validation_batch_end(trainer, MODULE, None, None, batch)
    made.on_validation_end(trainer, MODULE)
    made.on_train_end(trainer, MODULE)
    return text.getvalue()


@pytest.mark.usefixtures("clock")
def test_a_log_file_gets_two_lines_of_80_columns_now_and_then() -> None:
    lines = shown(terminal=False).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines == [
        "step 10/40  loss 6.78  2 batches/s  0:00:15 left",
        f"  {ALL}",
        "step 20/40  loss 6.78  2 batches/s  0:00:10 left",
        f"  {ALL}",
        "scores  a 51.5  b 22.1",
        "step 20/40  loss 6.78  2 batches/s  0:00:10 left",
        f"  {ALL}",
    ]


def test_many_tasks_go_on_in_another_line() -> None:
    names = ["semseg", "human_parts", "saliency", "normals", "edge", "depth"]
    headlines = {name: f"{name}/score" for name in names}
    text = progress.scores_line(headlines, dict.fromkeys(headlines.values(), 51.53))
    assert text.splitlines() == [
        "scores  semseg 51.5  human_parts 51.5  saliency 51.5  normals 51.5  edge 51.5",
        "  depth 51.5",
    ]
    assert progress.folded("a 1  b 2", "  ") == "  a 1  b 2"


@pytest.mark.usefixtures("clock")
def test_a_long_training_has_hours_left() -> None:
    trainer: Any = SimpleNamespace(
        global_step=0, progress_bar_metrics={}, accumulate_grad_batches=1
    )
    assert progress.step_line(trainer, 4000.0) == "step 0/40  0.00025 batches/s  44:26:40 left"


@pytest.mark.usefixtures("clock")
def test_a_terminal_of_80_columns_has_two_lines_that_fit() -> None:
    drawn = shown(terminal=True)
    assert drawn.count("step 10/40  loss 6.78  2 batches/s  0:00:15 left") == 1
    assert drawn.count(ALL) == 12  # every other step; at the end, and once more when it stops
    assert "validation, batch " in drawn
    assert "scores  a 51.5  b 22.1" in drawn
    assert len(ALL) <= 80
    assert (
        progress.BAR_WIDTH + 1 + len("step 10000/10000  loss 6.78  2.34 batches/s  23:12:10") < 80
    )


@pytest.mark.usefixtures("clock")
def test_other_ranks_show_nothing() -> None:
    assert shown(terminal=False, rank=1) == shown(terminal=True, rank=1) == ""
