"""A real run in two processes scores what one process scores from its checkpoint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def run(script, *arguments):
    """Run an entry point to its end; its output is shown where it fails."""
    finished = subprocess.run(
        [sys.executable, script, *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-6000:]


@pytest.fixture
def five(scenes_root, tmp_path):
    """The scenes with five validation images; two processes have two batches of them and one."""
    root = tmp_path / "scenes"
    root.mkdir()
    for path in scenes_root.iterdir():
        if path.name != "ImageSets":
            (root / path.name).symlink_to(path)
    shutil.copytree(scenes_root / "ImageSets", root / "ImageSets")
    (listed,) = root.glob("ImageSets/**/val.txt")
    images = listed.read_text().split()
    listed.with_name("five.txt").write_text("\n".join(images[:5]) + "\n")
    return root


@pytest.mark.slow
def test_two_processes_agree_with_one(tiny, five, tmp_path):
    """Edges are scored on the first three images, whichever process sees them."""
    folder = tmp_path / "run"
    run(
        "train.py",
        *(override for override in tiny if override != "trainer=cpu"),
        "trainer=ddp",
        "trainer.accelerator=cpu",
        "trainer.devices=2",
        "trainer.sync_batchnorm=false",
        "trainer.max_steps=2",
        "data.batch_size=2",
        f"data.root={five}",
        "+data.val_split=five",
        "metrics.edge.max_images=3",
        f"run_dir={folder}",
    )
    assert (folder / "DONE").exists()
    alone = ["trainer.devices=1", "trainer.strategy=auto"]
    run("evaluate.py", f"run={folder}", *alone, "protocol.metrics.edge.odsf.max_images=3")
    by_two = json.loads((folder / "metrics.json").read_text())
    by_one = json.loads((folder / "evaluation.json").read_text())
    assert by_two.keys() == by_one.keys()
    for key, value in by_one.items():
        assert by_two[key] == (None if value is None else pytest.approx(value, rel=1e-6)), key
    assert by_one["edge/odsf"] is not None
