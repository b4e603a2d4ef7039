"""Of several processes, only the first writes into the run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.ranks.conftest import FAULTY


def test_only_the_first_process_writes(
    finish: Callable[..., None], tiny: list[str], two_ranks: list[str], tmp_path: Path
) -> None:
    one, two, opened = tmp_path / "one", tmp_path / "two", tmp_path / "opened"
    opened.mkdir()
    steps = ["experiment=ase", "tasks=[semseg,edge]", "trainer.max_steps=2", "data.batch_size=2"]
    finish(*tiny, *steps, f"run_dir={one}")
    finish(*two_ranks, *steps, f"run_dir={two}", script=FAULTY, TEST_OPENED=str(opened))
    assert files(two) == files(one)
    notes = {note.name: note.read_text().splitlines() for note in opened.iterdir()}
    writers = [pid for pid, paths in notes.items() if any(p.startswith(str(two)) for p in paths)]
    assert len(notes) >= 2
    assert len(writers) == 1


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
