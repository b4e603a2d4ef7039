"""Pictures and videos predicted from the command line."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

import mtl_ase
from mtl_ase.base.errors import UserError
from mtl_ase.commands.evaluate import evaluate
from mtl_ase.commands.predict import predict
from mtl_ase.commands.predict_arguments import read_predict_arguments
from mtl_ase.data.image_files import read_image
from tests.conftest import ROOT, Run

TASKS = ["semseg", "human_parts", "saliency", "normals", "edge"]
RNG = np.random.default_rng(0)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size_hw in (("wide.jpg", (40, 90)), ("my photo (1).png", (70, 30))):
        Image.fromarray(RNG.integers(0, 256, (*size_hw, 3)).astype(np.uint8)).save(folder / name)
    return folder


def test_maps_overlays_and_a_sheet_are_written(
    here: Run, finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    out = tmp_path / "out"
    done = here("predict.py", f"run={finished_run}", f"input={photos}", f"output={out}")
    assert done.returncode == 1
    assert "2 of 3 inputs predicted" in done.stdout
    assert done.stderr.splitlines() == [
        f"skipped: {photos / 'broken.jpg'} can't be read as an image; restore the file."
    ]
    for task in TASKS:
        suffix = ".png" if task in ("semseg", "human_parts") else ".npy"
        found = sorted(path.name for path in (out / "pred" / task).iterdir())
        assert found == [f"my photo (1){suffix}", f"wide{suffix}"]
        height, width = read_image(out / "vis" / task / "wide.jpg").shape[:2]
        assert width == 480, "small pictures are enlarged, so that the legend has room"
        assert height > 480 * 40 / 90
    assert np.load(out / "pred/normals/wide.npy").shape == (40, 90, 3)
    height, width = read_image(out / "sheet.png").shape[:2]
    assert width > height


def test_evaluated_predictions_score_as_the_run(
    finished_run: Path, scenes_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    evaluate([f"run={run}"])
    names = (scenes_root / "ImageSets/Context/val.txt").read_text().split()
    listed = tmp_path / "val.txt"
    listed.write_text("".join(f"{scenes_root / 'JPEGImages' / name}.jpg\n" for name in names))
    arguments = [f"run={run}", f"input={listed}", f"output={tmp_path / 'out'}"]
    assert predict(read_predict_arguments(arguments)) == []
    evaluate(
        [
            f"predictions={tmp_path / 'out' / 'pred'}",
            "data=scenes",
            f"data.root={scenes_root}",
            "data.generator=null",
            f"out={tmp_path / 'scores'}",
            f"tasks=[{','.join(TASKS)}]",
        ]
    )
    expected = json.loads((run / "evaluation.json").read_text())
    found = json.loads((tmp_path / "scores" / "evaluation.json").read_text())
    for key in expected.keys() - {"delta_m"}:
        assert found[key] == pytest.approx(expected[key], abs=1e-6), key
    capsys.readouterr()


def test_a_run_is_loaded_by_folder_and_by_checkpoint(finished_run: Path) -> None:
    photo = RNG.integers(0, 256, (48, 56, 3)).astype(np.uint8)
    expected = mtl_ase.load(finished_run).predict(photo)
    again = mtl_ase.load(finished_run / "checkpoints" / "last.ckpt").predict(photo)
    some = mtl_ase.load(str(finished_run), tasks=["edge", "normals"])
    assert list(some.tasks) == ["normals", "edge"]
    for name, map_ in some.predict(photo).items():
        torch.testing.assert_close(map_, expected[name], atol=1e-5, rtol=1e-4)
    for name, map_ in again.items():
        assert torch.equal(map_, expected[name])


def test_what_is_no_run_is_refused(finished_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no run folder"):
        mtl_ase.load(tmp_path)
    with pytest.raises(UserError, match=r"other\.ckpt is missing"):
        mtl_ase.load(tmp_path / "other.ckpt")
    with pytest.raises(UserError, match=r"tasks=\[depth\] is no list of the run's tasks"):
        mtl_ase.load(finished_run, tasks=["depth"])


def test_a_video_becomes_videos(finished_run: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (64, 48))
    for _ in range(5):
        writer.write(RNG.integers(0, 256, (48, 64, 3)).astype(np.uint8))
    writer.release()
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    out = tmp_path / "out"
    given = read_predict_arguments(
        [
            f"run={finished_run}",
            f"input={film},{tmp_path / 'broken.mp4'}",
            f"output={out}",
            "tasks=[semseg,normals]",
            "batch_size=2",
        ]
    )
    problems = predict(given)
    assert len(problems) == 1
    assert "broken.mp4 can't be read as a video" in problems[0]
    assert sorted(path.name for path in (out / "vis").iterdir()) == ["normals", "semseg"]
    for task in ("semseg", "normals"):
        capture = cv2.VideoCapture(str(out / "vis" / task / "film.mp4"))
        assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
        frames = 0
        while capture.read()[0]:
            frames += 1
        assert frames == 5


def test_output_inside_the_input_is_not_predicted_again(
    finished_run: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"run={finished_run}", f"input={photos}", f"output={photos / 'out'}"]
    for _ in range(2):
        assert predict(read_predict_arguments(arguments)) == []
        assert "2 of 2 inputs predicted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "run= and input= and output= must be given"),
        (["run=a", "output=b"], "input= must be given"),
        (["run=a", "inputs=c"], r"inputs=c is no option; did you mean input=\?"),
        (["run=a", "input=c", "output=b", "mode=tiles"], "choose resized or windows"),
        (["run=a", "input=c", "output=b", "zoom=0.5"], r"zoom=0\.5 is no number from 1 on"),
        (["run=a", "input=c", "output=b", "batch_size=0"], "batch_size=0 is no number from 1"),
        (["run=a", "input=c", "output=b", "overlap=1"], r"overlap=1 is no number from 0 to 0\.95"),
        (["run=a", "input=", "output=b"], "input= has no value"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_predict_arguments(arguments)


def test_paths_are_taken_as_typed(photos: Path) -> None:
    odd = photos / "a, b=c [2].jpg"
    odd.touch()
    given = read_predict_arguments(["run=r", f"input={odd}", "output=~/o", "zoom=native"])
    assert given.input == [str(odd)]
    assert given.output == Path.home() / "o"
    assert given.zoom is None
    assert read_predict_arguments(["run=r", "input=a.jpg,b.jpg", "output=o"]).input == [
        "a.jpg",
        "b.jpg",
    ]


@pytest.mark.slow
def test_windows_over_a_large_picture_take_less_than_two_gigabytes(
    finished_run: Path, tmp_path: Path
) -> None:
    Image.fromarray(RNG.integers(0, 256, (1500, 2000, 3)).astype(np.uint8)).save(
        tmp_path / "large.png"
    )
    command = [sys.executable, str(ROOT / "predict.py"), f"run={finished_run}"]
    command += [f"input={tmp_path / 'large.png'}", f"output={tmp_path / 'out'}"]
    command += ["mode=windows", "zoom=native", "batch_size=64"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    subprocess.run(command, check=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak > before, "another child was larger, so nothing is measured"
    assert peak < 2e6, "kilobytes"
    assert read_image(tmp_path / "out/pred/semseg/large.png").shape[:2] == (1500, 2000)


@pytest.mark.parametrize("place", ["data.augmentation", "model.decoder", "new.part"])
def test_a_strangers_run_is_loaded_only_if_it_names_our_code(
    finished_run: Path, tmp_path: Path, place: str
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    config = OmegaConf.load(run / "config.yaml")
    OmegaConf.update(config, place, {"_target_": "os.system"}, force_add=True)
    (run / "config.yaml").write_text(OmegaConf.to_yaml(config))
    with pytest.raises(UserError, match=rf"{place}\S* is outside what configs may build"):
        mtl_ase.load(run)


def test_configs_of_before_kinds_of_output_are_read(finished_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    config = OmegaConf.load(run / "config.yaml")
    for name, activation in (("semseg", "class_ids"), ("normals", "unit_vector")):
        del config.tasks[name]["output"]
        partial = {"_partial_": True}
        config.tasks[name].activation = {"_target_": f"mtl_ase.tasks.{activation}", **partial}
        config.tasks[name].colours = {"_target_": "mtl_ase.tasks.class_colours", **partial}
    (run / "config.yaml").write_text(OmegaConf.to_yaml(config))
    photo = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    found, expected = (mtl_ase.load(path).predict(photo) for path in (run, finished_run))
    for name, map_ in expected.items():
        assert torch.equal(found[name], map_)
