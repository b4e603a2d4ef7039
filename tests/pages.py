"""Pages of the docs whose code and configs are written to a user's folder and really run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def files_of(page: str) -> dict[str, str]:
    """The files that a page shows, by name."""
    return dict(
        re.findall(r"^`([\w/]+\.\w+)`:\n```\w+\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    )


@contextmanager
def written(files: Mapping[str, str], root: Path, modules: Sequence[str]) -> Iterator[Path]:
    """A user's folder with these files, whose modules can be imported."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        yield root
    for name in modules:
        sys.modules.pop(name, None)


def small_run(folder: Path) -> list[str]:
    """Overrides for a run of three steps on rendered scenes, in `run` below a folder."""
    return [
        "data.generator.num_train=4",
        "data.generator.num_val=2",
        f"data.root={folder / 'scenes'}",
        "data.generator.size=[64,64]",
        "data.image_size=[64,64]",
        "data.batch_size=2",
        "data.num_workers=0",
        "trainer=cpu",
        "trainer.max_steps=3",
        "report.num_sheets=1",
        f"run_dir={folder / 'run'}",
    ]


def run_in(folder: Path, arguments: Sequence[str]) -> None:
    """Run Python in a user's folder, to a good end."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
