"""The scripts about data: what they print, what they leave, how they end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import pytest

from tests.conftest import NUM_TRAIN, NUM_VAL, Run


@pytest.fixture
def root(scenes_root: Path, tmp_path: Path) -> Path:
    """A copy of the scenes, to be read as if it were PASCAL-Context."""
    return Path(shutil.copytree(scenes_root, tmp_path / "a set"))


def test_prepare_data_verifies_and_packs(here: Run, root: Path) -> None:
    done = here("scripts/prepare_data.py", "data=pascal_context", f"data.root={root}")
    assert done.returncode == 0, done.stderr
    assert "no problems" in done.stdout
    assert "0 of 4,998 images of the published list train are present." in done.stdout
    assert len(list(root.glob("packs/*/manifest.json"))) == 2
    again = here("scripts/prepare_data.py", "data=pascal_context", f"data.root={root}", "--json")
    report = json.loads(again.stdout)
    assert report["splits"]["train"]["images"] == NUM_TRAIN
    assert report["splits"]["val"]["labelled"]["semseg"] == NUM_VAL


def test_prepare_data_lists_what_is_wrong(here: Run, root: Path) -> None:
    path = root / "semseg/VOC12/train_000002.png"
    path.write_bytes(b"nothing")
    arguments = ["scripts/prepare_data.py", "data=pascal_context", f"data.root={root}"]
    done = here(*arguments, "--json", "--no-pack")
    assert done.returncode == 1, done.stderr
    assert str(path) in json.loads(done.stdout)["splits"]["train"]["problems"][0]
    assert not (root / "packs").exists()
    packing = here(*arguments)
    assert packing.returncode == 1
    assert "not packed: " in packing.stderr
    assert "on_bad_sample=skip" in packing.stderr
    assert "Traceback" not in packing.stderr
    lenient = here(*arguments, "data.on_bad_sample=skip")
    assert lenient.returncode == 1, lenient.stderr
    assert len(list(root.glob("packs/*/manifest.json"))) == 2


def test_prepare_data_says_how_to_get_the_data(here: Run, tmp_path: Path) -> None:
    done = here("scripts/prepare_data.py", "data=pascal_context", f"data.root={tmp_path}/new")
    assert done.returncode == 2
    assert "--download" in done.stderr
    assert "Traceback" not in done.stderr


def test_browse_data_draws_samples(here: Run, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheets"
    done = here(
        "scripts/browse_data.py",
        "data=pascal_context",
        f"data.root={root}",
        "--out",
        str(out),
        "--count=5",
    )
    assert done.returncode == 0, done.stderr
    sheets = sorted(out.iterdir())
    assert done.stdout.split("\n")[:-1] == [str(path) for path in sheets]
    assert len(sheets) == 2
    pixels = cv2.imread(str(sheets[0]))
    assert pixels.shape[0] > 8 * 200
    assert pixels.std() > 30


def test_bench_data_prints_a_ratio(here: Run, root: Path, tmp_path: Path) -> None:
    kept = tmp_path / "data.json"
    done = here(
        "scripts/bench.py",
        "data",
        "data=pascal_context",
        f"data.root={root}",
        "data.image_size=[64,64]",
        f"--json={kept}",
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(kept.read_text())
    assert done.stdout.splitlines()[-1] == f"ratio data {result['ratio']}"
    assert result["images"] == NUM_TRAIN
    ms = result["ms_per_sample"]
    assert result["ratio"] == pytest.approx(ms["usual"] / ms["packed"], rel=0.02)
