"""Of several processes, only the first writes into the run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ranks.conftest import FAULTY


@pytest.mark.slow
def test_only_the_first_process_writes(
    finish: Callable[..., None], two_ranks: list[str], tmp_path: Path
) -> None:
    folder, opened = tmp_path / "run", tmp_path / "opened"
    opened.mkdir()
    steps = ["experiment=ase", "trainer.max_steps=2", "data.batch_size=2"]
    finish(*two_ranks, *steps, f"run_dir={folder}", script=FAULTY, TEST_OPENED=str(opened))
    notes = [note.read_text() for note in opened.iterdir()]
    assert len(notes) == 2
    assert sum(str(folder) in note for note in notes) == 1
