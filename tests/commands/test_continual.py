"""A run in stages, from the command to its files."""

from __future__ import annotations

import csv
import json

import pytest
import torch

STAGES = "data.stages=[[semseg],[normals]]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the run is."""
    return tmp_path_factory.mktemp("continual") / "run"


@pytest.fixture
def arguments(tiny, folder):
    """What the run is started with."""
    return [
        "train.py",
        *tiny,
        "experiment=same_continual",
        "tasks=[semseg,normals]",
        STAGES,
        "trainer.max_steps=4",
        "trainer.check_val_every_n_epoch=1",
        f"run_dir={folder}",
    ]


def test_a_run_says_what_was_forgotten(here, arguments, folder):
    finished = here(*arguments)
    assert finished.returncode == 0, finished.stderr
    with (folder / "stages.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["stage"], row["step"], row["learned"]) for row in rows} == {
        ("0", "2", "semseg"),
        ("1", "4", "semseg normals"),
    }
    scores = {(row["stage"], row["metric"]): row["value"] for row in rows}
    final = json.loads((folder / "metrics.json").read_text())
    assert {key for stage, key in scores if stage == "0"} == final.keys()
    for key, value in final.items():
        assert scores["1", key] == ("" if value is None else f"{value:.8g}")
    found = json.loads((folder / "forgetting.json").read_text())
    semseg, normals = found["tasks"]["semseg"], found["tasks"]["normals"]
    assert semseg["metric"] == "semseg/miou"
    assert semseg["after_stage"] == pytest.approx(float(scores["0", "semseg/miou"]))
    assert semseg["forgetting"] == semseg["after_stage"] - final["semseg/miou"]
    assert normals["stage"] == 1
    assert normals["forgetting"] == 0
    assert found["mean"] == semseg["forgetting"]
    assert f"semseg {semseg['forgetting']:+.2f}" in finished.stdout
    assert (folder / "DONE").exists()


def test_the_scores_of_a_stage_are_those_of_evaluate(here, folder):
    """Its checkpoint in the place of the last one, edges apart."""
    checkpoints = folder / "checkpoints"
    stage = torch.load(checkpoints / "stage_0.ckpt", weights_only=True)
    last = torch.load(checkpoints / "last.ckpt", weights_only=True)
    assert stage["global_step"] == 2
    assert stage["state_dict"].keys() == last["state_dict"].keys()
    kept = (checkpoints / "last.ckpt").read_bytes(), (checkpoints / "manifest.json").read_bytes()
    (checkpoints / "manifest.json").unlink()
    (checkpoints / "last.ckpt").write_bytes((checkpoints / "stage_0.ckpt").read_bytes())
    finished = here("evaluate.py", f"run={folder}")
    assert finished.returncode == 0, finished.stderr
    (checkpoints / "last.ckpt").write_bytes(kept[0])
    (checkpoints / "manifest.json").write_bytes(kept[1])
    scores = json.loads((folder / "evaluation.json").read_text())
    with (folder / "stages.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["stage"] == "0"]
    for row in rows:
        found = scores[row["metric"]]
        assert found is None if row["value"] == "" else found == pytest.approx(float(row["value"]))


def test_a_run_that_is_done_keeps_its_files(here, arguments, folder):
    before = {name: (folder / name).read_text() for name in ("stages.csv", "forgetting.json")}
    finished = here(*arguments, "resume=auto")
    assert finished.returncode == 0, finished.stderr
    assert before == {name: (folder / name).read_text() for name in before}


def test_other_stages_are_another_run(here, arguments):
    changed = [text.replace(STAGES, "data.stages=[[normals],[semseg]]") for text in arguments]
    finished = here(*changed, "resume=auto")
    assert finished.returncode == 2
    assert "data.stages" in finished.stderr


def test_another_number_of_steps_would_be_other_stages(here, arguments):
    finished = here(*arguments, "resume=auto", "trainer.max_steps=6")
    assert finished.returncode == 2
    assert "stages divide 4 steps, but now there are 6" in finished.stderr


@pytest.mark.parametrize(
    ("stages", "said"),
    [("[[semseg]]", "leaves out 'normals'"), ("[[semseg],[depth]]", "names 'depth'"), ("[a]", "")],
)
def test_stages_that_do_not_fit_are_one_sentence(here, arguments, tmp_path, stages, said):
    changed = [text for text in arguments if not text.startswith(("data.stages", "run_dir"))]
    finished = here(*changed, f"data.stages={stages}", f"run_dir={tmp_path / 'other'}")
    assert finished.returncode == 2
    assert finished.stderr.startswith("error: ")
    assert said in finished.stderr
    assert finished.stderr.count("\n") == 1
