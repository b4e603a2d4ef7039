"""What `train.py --help` lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl_ase.config import CONFIGS
from mtl_ase.config.training_help import PURPOSES, WIDTH, training_help
from tests.conftest import Compose, Run

KNOBS = [knob for knobs in PURPOSES.values() for knob in knobs]
GROUPS = [knob.key.partition("@")[0] for knob in KNOBS if knob.is_group]


def test_every_group_is_under_one_purpose() -> None:
    folders = {path.parent.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.yaml")}
    assert sorted([*GROUPS, "experiment"]) == sorted(folders - {".", "local"})


@pytest.mark.parametrize("key", [knob.key for knob in KNOBS if not knob.is_group])
def test_a_key_is_one_of_the_config(composed: Compose, key: str) -> None:
    missing = object()
    assert OmegaConf.select(composed(), key.partition("=")[0], default=missing) is not missing


def test_it_reads_in_80_columns_and_lists_every_option() -> None:
    text = training_help()
    assert max(map(len, text.splitlines())) <= WIDTH
    for path in CONFIGS.rglob("*.yaml"):
        assert path.stem in text or path.name == "train.yaml" or "local" in path.parts
    assert "  ase_finegrained         Adaptive shared experts, fine-grained: 32/6/2/2." in text


def test_every_experiment_says_what_it_is() -> None:
    lines = training_help().splitlines()
    names = {path.stem for path in (CONFIGS / "experiment").glob("*.yaml")}
    said = {line.split()[0] for line in lines if line[:3].strip() and len(line.split()) > 2}
    assert names <= said


def test_a_folder_of_ones_own_is_listed_too(tmp_path: Path) -> None:
    for name in ("experiment/mine.yaml", "data/photos.yaml"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("# What I do.\n")
    text = training_help(str(tmp_path))
    assert "  mine                    What I do." in text
    assert "photos" in text


@pytest.mark.parametrize(
    ("program", "typed", "words"),
    [
        ("train.py", ["--hlep"], "did you mean --help?"),
        ("train.py", ["--multrun"], "did you mean --multirun?"),
        ("train.py", ["--turst=mine"], "did you mean --trust?"),
        ("train.py", ["--trust=os"], "--trust=os is Python's own"),
        ("train.py", ["--trust="], "--trust names no module"),
        ("train.py", ["--trust=my-code"], "--trust=my-code names no module"),
        ("evaluate.py", ["--hlep"], "did you mean --help?"),
        ("evaluate.py", ["rn=runs/mine"], "did you mean run=?"),
        ("evaluate.py", ["--run=runs/mine"], "did you mean run=?"),
        ("evaluate.py", ["--config-dir=/nothing", "run=a"], "--config-dir=/nothing is no folder"),
        ("scripts/model_info.py", ["--hepl"], "did you mean --help?"),
        ("scripts/prepare_data.py", ["--downlod"], "did you mean --download?"),
    ],
)
def test_what_is_misspelt_is_recognised(
    here: Run, monkeypatch: pytest.MonkeyPatch, program: str, typed: list[str], words: str
) -> None:
    monkeypatch.setenv("MTL_ASE_TRUST", "")
    done = here(program, *typed)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_completion_is_answered(script: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", "train.py experiment=ase_f")
    monkeypatch.setenv("COMP_POINT", "25")
    done = script("train.py", "-sc", "query=bash")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["experiment=ase_finegrained", "experiment=ase_finest"]
