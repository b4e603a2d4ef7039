"""Scoring finished runs and prediction files from the command line."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.commands.evaluate import evaluate, run_config
from mtl_ase.commands.evaluation_arguments import read_arguments, runs_in
from mtl_ase.commands.make_reference import make_reference
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.evaluation import Reference
from tests.conftest import NUM_VAL, SIZE, Run

HEADLINES = ("semseg/miou", "human_parts/miou", "saliency/miou", "normals/merr", "edge/odsf")


@pytest.fixture(scope="module")
def evaluated(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished run, evaluated by the paper's protocol."""
    run = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("evaluated") / "run"))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        evaluate([f"run={run}"])
    assert "semseg/miou" in said.getvalue()
    assert "no delta_m" not in said.getvalue()
    return run


@pytest.mark.parametrize(
    "place",
    [
        "protocol",
        "callbacks.progress",
        "data.layout",
        "model.decoder",
        "trainer.strategy",
        "new.part",
    ],
)
def test_a_strangers_config_runs_nothing(
    finished_run: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run folder from elsewhere whose config names other code."""
    (tmp_path / "code.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(finished_run, tmp_path / "run")
    path = tmp_path / "run" / "config.yaml"
    for target, said in (("code.run", "outside"), ("os.system", "outside")):
        config = OmegaConf.load(path)
        OmegaConf.update(config, place, {"_target_": target}, force_add=True)
        path.write_text(OmegaConf.to_yaml(config))
        overrides = [f"protocol._target_={target}"] if place == "protocol" else []
        with pytest.raises(UserError, match=rf"{place}\S* is {said} what configs may build"):
            evaluate([f"run={tmp_path / 'run'}", *overrides])


def details(folder: Path) -> dict:
    return json.loads((folder / "evaluation" / "details.json").read_text())


def test_evaluation_repeats_the_final_validation(evaluated: Path) -> None:
    evaluation = json.loads((evaluated / "evaluation.json").read_text())
    metrics = json.loads((evaluated / "metrics.json").read_text())
    assert evaluation.keys() == metrics.keys()
    for key, value in metrics.items():
        if key not in ("edge/odsf", "delta_m"):  # validations take a few images' edges only
            assert evaluation[key] == (None if value is None else pytest.approx(value, abs=1e-3))


def test_tasks_that_are_asked_for_are_scored_alike(evaluated: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(evaluated, tmp_path / "run"))
    before = json.loads((run / "evaluation.json").read_text())
    evaluate([f"run={run}", "tasks=[normals,semseg]"])
    after = json.loads((run / "evaluation.json").read_text())
    assert {key.partition("/")[0] for key in after} == {"semseg", "normals", "delta_m"}
    for key in after.keys() - {"delta_m"}:
        assert after[key] == pytest.approx(before[key], abs=1e-3)
    for wrong in ("[depth]", "[]", "semseg"):
        with pytest.raises(
            UserError, match=r"no list of the run's tasks; choose of tasks=\[semseg,"
        ):
            evaluate([f"run={run}", f"tasks={wrong}"])


def test_everything_is_left_on_disk(evaluated: Path) -> None:
    found = details(evaluated)
    assert found["protocol"] == "astmt"
    assert found["images"] == NUM_VAL
    for key, value in json.loads((evaluated / "evaluation.json").read_text()).items():
        score = found["scores"][key]
        assert score is None if value is None else score["value"] == pytest.approx(value)
    assert {"normals/median", "normals/rmse", "normals/within_30"} <= found["scores"].keys()
    assert found["semseg/miou by class"].keys() >= {"background", "person", "tvmonitor"}
    assert 0 <= found["edge/odsf curve"]["ap"] <= 1
    assert found["edge/odsf curve"]["ods"] * 100 == pytest.approx(
        found["scores"]["edge/odsf"]["value"]
    )
    with (evaluated / "evaluation" / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == NUM_VAL
    assert rows[0].keys() == {"image", *(key for key in found["scores"] if key != "delta_m")}
    assert "" in {row["human_parts/miou"] for row in rows}, "an image without people has no score"
    left = {path.name for path in (evaluated / "evaluation").iterdir()}
    pictures = {"semseg_miou_confusion.png", "edge_odsf_curve.png", "worst.png"}
    assert pictures | {"human_parts_miou_confusion.csv", "edge_odsf_curve.csv"} <= left
    assert all(cv2.imread(str(evaluated / "evaluation" / name)).std() > 5 for name in pictures)


def with_reference(run: Path, **order: bool) -> Path:
    """The run with a fitting reference, as newer runs have it, or as older ones do."""
    config = OmegaConf.load(run / "config.yaml")
    keys = [f"{name}/{task.headline}" for name, task in config.tasks.items()]
    config.training.reference = {
        "_target_": "mtl_ase.evaluation.Reference",
        "dataset": "scenes",
        "protocol": "astmt",
        "values": dict.fromkeys(keys, 50.0),
        "sources": dict.fromkeys(keys, "made up"),
        **order,
    }
    (run / "config.yaml").write_text(OmegaConf.to_yaml(config))
    return run


def test_a_reference_of_the_lineage_s_order_is_met_in_its_order(
    here: Run, finished_run: Path, evaluated: Path, tmp_path: Path
) -> None:
    """Both orders are shown; where the reference does not say its own, ours, with a warning.

    Scenes are as large as the input, so that values are alike; test_scoring_order has others.
    """
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    done = here("evaluate.py", f"run={with_reference(run, activate_first=True)}")
    assert done.returncode == 0, done.stderr
    assert "activated first" in done.stdout
    assert "resized first" in done.stdout
    assert "may mix two orders" not in done.stdout
    first, ours = details(run), details(evaluated)
    assert (first["order"], ours["order"]) == ("activate_first", "resize_first")
    for key, score in ours["scores"].items():
        if key != "delta_m":
            value = None if score is None else pytest.approx(score["value"])
            assert first["scores resize_first"][key] == value
    assert "scores resize_first" not in ours
    gains = [(first["scores"][key]["value"] - 50) / 50 for key in HEADLINES]
    gains[HEADLINES.index("normals/merr")] *= -1
    assert first["scores"]["delta_m"]["value"] == pytest.approx(100 * sum(gains) / 5, abs=1e-4)

    done = here("evaluate.py", f"run={with_reference(run)}")
    assert done.returncode == 0, done.stderr
    assert "delta_m may mix two orders" in done.stdout
    assert details(run)["order"] == "resize_first"
    assert details(run)["scores"]["delta_m"] is not None

    with_reference(run, activate_first=True)
    done = here("evaluate.py", f"run={run}", "protocol.activate_first=false")
    assert done.returncode == 0, done.stderr
    assert "no delta_m: the reference was measured on what was activated, then" in done.stdout
    assert details(run)["scores"]["delta_m"] is None


def test_another_data_set_s_reference_gives_no_delta_m_and_the_reason(
    here: Run, finished_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    done = here("evaluate.py", f"run={run}", "training.reference.dataset=pascal_context")
    assert done.returncode == 0, done.stderr
    assert "no delta_m: the reference is of data set pascal_context, not scenes" in done.stdout
    assert details(run)["scores"]["delta_m"] is None


def write_predictions(folder: Path, root: Path, noise: float) -> None:
    """The labels themselves as PNG and NPY files, with some noise."""
    rng = np.random.default_rng(0)
    for name in ("semseg", "saliency", "edge", "normals"):
        (folder / name).mkdir(parents=True)
    for image_id in (root / "ImageSets/Context/val.txt").read_text().split():
        shutil.copy(root / f"semseg/VOC12/{image_id}.png", folder / f"semseg/{image_id}.png")
        shutil.copy(root / f"normals_distill/{image_id}.png", folder / f"normals/{image_id}.png")
        salient = cv2.imread(str(root / f"sal_distill/{image_id}.png"), 0) > 127
        np.save(
            folder / f"saliency/{image_id}.npy",
            np.clip(salient + noise * rng.normal(size=salient.shape), 0, 1),
        )
        edge = rng.random((SIZE, SIZE)) * 255
        cv2.imwrite(str(folder / f"edge/{image_id}.png"), edge.astype(np.uint8))


def test_prediction_files_are_scored(here: Run, scenes_root: Path, tmp_path: Path) -> None:
    files = tmp_path / "their predictions"
    write_predictions(files, scenes_root, noise=0.01)
    command = ["evaluate.py", f"predictions='{files}'", "data=scenes", f"data.root={scenes_root}"]
    small = ["data.generator.num_train=24", "data.generator.num_val=8", "data.generator.seed=7"]
    small.append(f"data.generator.size=[{SIZE},{SIZE}]")
    done = here(*command, *small, "protocol=invpt", "name=theirs", f"out={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert "theirs" in done.stdout
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert found["semseg/miou"] == 100
    assert found["saliency/maxf"] == 100
    assert found["normals/merr"] < 1e-3
    assert 0 < found["edge/odsf"] < 90
    assert "human_parts/miou" not in found, "there is no folder of it"
    assert details(tmp_path / "out")["protocol"] == "invpt"
    faulty = "protocol.metrics.saliency.maxf.double_sigmoid=true"
    done = here(*command, *small, "protocol=invpt", faulty, "tasks=[saliency]")
    assert done.returncode == 0, done.stderr
    found = json.loads((files / "evaluation.json").read_text())
    assert found["saliency/maxf"] == 100
    next(files.glob("edge/*.png")).unlink()
    done = here(*command, *small)
    assert done.returncode == 2
    assert "(or .npy) is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_runs_are_compared_on_the_same_images(
    here: Run, finished_run: Path, evaluated: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(finished_run, tmp_path / "sweep" / "1"))
    Path(shutil.copytree(finished_run, tmp_path / "sweep" / "0"))
    shutil.copy(other / "checkpoints/best.ckpt", other / "checkpoints/last.ckpt")
    done = here("evaluate.py", f"run={tmp_path / 'sweep'}")
    assert done.returncode == 0, done.stderr
    assert "1 minus 0, the same images" in done.stdout
    for run in ("0", "1"):
        assert (tmp_path / "sweep" / run / "evaluation.json").is_file()


def test_runs_of_a_sweep_are_found_in_order(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "config.yaml").write_text("a: 1")
    assert [run.name for run in runs_in(tmp_path)] == ["0", "2", "10"]
    (tmp_path / "2" / "FAILED").touch()
    assert [run.name for run in runs_in(tmp_path)] == ["0", "10"]
    assert runs_in(tmp_path / "2") == [tmp_path / "2"]
    assert runs_in(tmp_path / "nowhere") == [tmp_path / "nowhere"]


def test_other_data_keep_the_input_size_of_the_run(finished_run: Path, tmp_path: Path) -> None:
    given = read_arguments([f"run={finished_run}", "data=pascal_context", f"data.root={tmp_path}"])
    checkpoint, config = run_config(RunFolder(given.runs[0]), given)
    assert checkpoint.name == "last.ckpt"
    assert config.data.name == "pascal_context"
    assert config.data.root == str(tmp_path)
    assert list(config.data.image_size) == [64, 64]
    assert config.protocol.name == "astmt"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "usage: python evaluate.py run=RUN_DIR"),
        (["data=scenes"], "give either run=RUN_DIR or predictions=DIR"),
        (["run=a", "predictions=b"], "give either run=RUN_DIR or predictions=DIR"),
        (["run=a", "protocol=astmt,invpt"], "protocol takes one value"),
    ],
)
def test_wrong_use_says_what_is_wrong(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_arguments(arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run=nowhere"], "is no run folder"),
        (["protocol=mine"], "protocol=mine is unknown; choose one of astmt, invpt"),
        (["reference=paper_stl_resnet18"], "the reference is of data set pascal_context"),
        (["data.rot=x"], "rot"),
        (["data=pascal_context", "data.root=/nothing/there"], "setting=scenes"),
        (["checkpoint=first"], "first.ckpt is missing"),
    ],
)
def test_wrong_use_ends_with_one_sentence(
    here: Run, finished_run: Path, arguments: list[str], sentence: str
) -> None:
    if not arguments[0].startswith("run="):
        arguments = [f"run={finished_run}", *arguments]
    done = here("evaluate.py", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def single_task_run(folder: Path, task: str, key: str, value: float, **changes: str) -> Path:
    """What make_reference reads of an evaluated run."""
    (folder / "evaluation").mkdir(parents=True)
    config = {"tasks": {task: {"headline": key.split("/")[1]}}}
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(config)))
    (folder / "environment.json").write_text(json.dumps({"git_revision": "abcdef0123456789"}))
    content = {"dataset": "scenes", "protocol": "astmt", **changes}
    content["scores"] = {key: {"value": value, "low": 0, "high": 100}}
    (folder / "evaluation" / "details.json").write_text(json.dumps(content))
    return folder


def test_single_task_runs_become_a_reference(tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    runs = [
        single_task_run(tmp_path / "seg", "semseg", "semseg/miou", 61.5),
        single_task_run(tmp_path / "nor", "normals", "normals/merr", 14.5),
    ]
    path = make_reference(runs, "mine", tmp_path)
    content = OmegaConf.to_container(OmegaConf.load(path))
    assert path == tmp_path / "reference" / "mine.yaml"
    assert path.read_text().startswith("# @package training.reference")
    assert content.pop("_target_") == "mtl_ase.evaluation.Reference"
    reference = Reference(**content)
    assert reference.mismatch("scenes", "astmt", ["normals/merr", "semseg/miou"]) is None
    assert reference.activate_first is None, "what was evaluated by older code does not say"
    assert reference.values["semseg/miou"] == 61.5
    assert reference.sources["semseg/miou"] == "run seg at abcdef012345"
    with pytest.raises(UserError, match=r"mine\.yaml is there already"):
        make_reference(runs, "mine", tmp_path)


@pytest.mark.parametrize("order", ["activate_first", "resize_first"])
def test_a_reference_says_in_which_order_its_runs_were_scored(tmp_path: Path, order: str) -> None:
    (tmp_path / "reference").mkdir()
    run = single_task_run(tmp_path / "seg", "semseg", "semseg/miou", 61.5, order=order)
    content = OmegaConf.load(make_reference([run], "mine", tmp_path))
    assert content.activate_first is (order == "activate_first")
    other = single_task_run(tmp_path / "nor", "normals", "normals/merr", 14.5)
    with pytest.raises(UserError, match=f"with order None, but .* with {order}"):
        make_reference([run, other], "another", tmp_path)


def test_what_can_be_no_reference_is_refused(tmp_path: Path, evaluated: Path) -> None:
    (tmp_path / "reference").mkdir()
    good = single_task_run(tmp_path / "a", "semseg", "semseg/miou", 61.5)
    again = single_task_run(tmp_path / "b", "semseg", "semseg/miou", 61.5)
    other = single_task_run(tmp_path / "c", "edge", "edge/odsf", 50.0, protocol="invpt")
    for runs, sentence in (
        ([evaluated], "a reference needs single tasks"),
        ([good, again], "both give semseg/miou"),
        ([good, other], "with protocol invpt, but"),
        ([tmp_path], "is no run folder"),
    ):
        with pytest.raises(UserError, match=sentence):
            make_reference(runs, "mine", tmp_path)
    with pytest.raises(UserError, match="is no name"):
        make_reference([good], "../mine", tmp_path)
    assert list((tmp_path / "reference").iterdir()) == []
