"""Options of a run that bring in another part of a library: each trains to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["logger=tensorboard", "callbacks=ema"], "tensorboard/events*"),
        (
            ["model.encoder.activation_checkpointing=true", "trainer.accumulate_grad_batches=2"],
            "DONE",
        ),
        (["experiment=mtl_vit", "schedule=poly"], "DONE"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_run_with_it_ends_well(
    script: Run, tiny: list[str], tmp_path: Path, options: list[str], left: str
) -> None:
    folder = tmp_path / "run"
    done = script("train.py", *tiny, f"run_dir={folder}", "trainer.max_steps=2", *options)
    assert done.returncode == 0, done.stderr
    assert list(folder.glob(left))
    assert (folder / "DONE").exists()
    assert "Warning" not in done.stderr


@pytest.mark.slow
def test_tensorboard_gets_router_values_and_figures(
    script: Run, tiny: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    arguments = [*tiny, f"run_dir={tmp_path}", "trainer.max_steps=2", "logger=tensorboard"]
    done = script("train.py", *arguments, "experiment=ase")
    assert done.returncode == 0, done.stderr
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"router/shared/semseg", "router/idle", "train/loss"} <= set(tags["scalars"])
    shared = events.Scalars("router/shared/semseg")
    assert [value.step for value in shared] == [0]
    assert 0.1 < shared[0].value < 0.4
    drawn = {f"figures/{path.stem}" for path in (tmp_path / "figures").iterdir()}
    assert set(tags["images"]) == drawn
