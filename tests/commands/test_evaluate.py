"""Scoring finished runs from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtl_ase.commands.evaluate import read_arguments
from mtl_ase.errors import UserError
from tests.commands.conftest import Run


def test_evaluation_repeats_the_final_validation(script: Run, finished_run: Path) -> None:
    done = script("evaluate.py", f"run={finished_run}")
    assert done.returncode == 0, done.stderr
    assert "semseg/miou" in done.stdout
    evaluation = json.loads((finished_run / "evaluation.json").read_text())
    metrics = json.loads((finished_run / "metrics.json").read_text())
    assert evaluation.keys() == metrics.keys()
    for key, value in metrics.items():
        assert evaluation[key] == (None if value is None else pytest.approx(value, abs=1e-3))


def test_other_data_keep_the_input_size_of_the_run(finished_run: Path, tmp_path: Path) -> None:
    arguments = [f"run={finished_run}", "data=pascal_context", f"data.root={tmp_path}"]
    _, checkpoint, config = read_arguments(arguments)
    assert checkpoint.name == "last.ckpt"
    assert config.data.name == "pascal_context"
    assert config.data.root == str(tmp_path)
    assert list(config.data.image_size) == [64, 64]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "usage: python evaluate.py run=RUN_DIR"),
        (["data=scenes"], "run=RUN_DIR is missing"),
        (["run=nowhere"], "is no run folder"),
    ],
)
def test_wrong_use_says_what_is_wrong(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_arguments(arguments)


def test_a_missing_data_set_ends_with_one_sentence(
    script: Run, finished_run: Path, tmp_path: Path
) -> None:
    where = f"data.root={tmp_path / 'nothing'}"
    done = script("evaluate.py", f"run={finished_run}", "data=pascal_context", where)
    assert done.returncode == 2
    assert str(tmp_path / "nothing") in done.stderr
    assert "setting=scenes" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_key_ends_with_one_sentence(script: Run, finished_run: Path) -> None:
    done = script("evaluate.py", f"run={finished_run}", "data.rot=x")
    assert done.returncode == 2
    assert "rot" in done.stderr
    assert "Traceback" not in done.stderr
