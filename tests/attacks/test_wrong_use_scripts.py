"""Plausible mistakes over evaluate.py and the scripts: one sentence that helps, exit code 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from tests.attacks.conftest import Refused, some
from tests.conftest import NUM_TRAIN, NUM_VAL, SEED, SIZE, Compose

ROOT = Path(__file__).parents[2]
SPACE = "model.adapter.rank=choice(1,2)"


@pytest.fixture(scope="module")
def run(composed: Compose, tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What looks like a finished run, as far as the command line is concerned."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"not read so far")
    config = composed(*tiny, f"hydra.runtime.output_dir={folder}", "hydra.mode=RUN")
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
    return folder


OF_RUNS: dict[str, tuple[list[str], list[str]]] = {
    "nothing": ([], ["usage", "predictions=DIR"]),
    "folder without run=": (["RUN"], ["KEY=VALUE"]),
    "empty folder's name": (["run="], ["is no run folder", "config.yaml"]),
    "folder that is not there": (["run=/nothing"], ["run=/nothing is no run folder"]),
    "file of a run": (["run=RUN/config.yaml"], ["is no run folder"]),
    "second folder not there": (["run=RUN,/nothing"], ["run=/nothing is no run folder"]),
    "run and predictions": (["run=RUN", "predictions=/tmp"], ["either run=RUN_DIR or"]),
    "unknown checkpoint": (["run=RUN", "checkpoint=foo"], ["foo.ckpt is missing", "best"]),
    "unknown protocol": (["run=RUN", "protocol=foo"], ["choose one of astmt, invpt"]),
    "two protocols": (["run=RUN", "protocol=astmt,invpt"], ["protocol takes one value"]),
    "unknown reference": (["run=RUN", "reference=foo"], ["paper_stl_resnet18"]),
    "unknown data": (["run=RUN", "data=foo"], ["choose one of nyud, pascal_context, scenes"]),
    "data gone": (["run=RUN", "data=null"], ["data=None is unknown"]),
    "misspelt key": (["run=RUN", "data.rooot=a"], ["data.rooot is no key", "mean data.root?"]),
    "unknown key of the protocol": (["run=RUN", "protocol.foo=3"], ["protocol.foo is no key"]),
    "group of train.py": (["run=RUN", "trainer=gpu"], ["trainer is a part", "single keys"]),
    "other tasks": (["run=RUN", "tasks=[semseg]"], ["tasks is a part of the run's config"]),
    "other network": (["run=RUN", "model.adapter.rank=2"], ["rank: 4 -> 2", "leave that out"]),
    "out= for a run": (["run=RUN", "out=/tmp"], ["out does not go with run="]),
    "checkpoint= for files": (["predictions=/tmp", "checkpoint=best"], ["does not go with pred"]),
    "batch of 0": (["run=RUN", "data.batch_size=0"], ["data.batch_size=0", "1 or more"]),
    "nothing to score": (["run=RUN", "trainer.limit_val_batches=0"], ["nothing to score"]),
    "predictions that are not there": (["predictions=/nothing"], ["/nothing holds no folder of"]),
}
QUICK = {
    "nothing",
    "folder that is not there",
    "second folder not there",
    "unknown checkpoint",
    "misspelt key",
    "group of train.py",
    "other network",
    "out= for a run",
    "logits, channels first",
    "ids that are no whole numbers",
    "probabilities over 1",
    "two numbers for a normal",
    "bench, what",
    "browse, count of 0",
    "reference, name elsewhere",
    "model_info, option",
    "prepare, no folder",
    "report, no run",
    "search, no trials",
    "search, reversed",
    "search, setting",
    "soak, few steps",
    "torture, no such folder",
    "drawing, option",
}
"""What is tried every time, one of a kind."""


@pytest.mark.parametrize("name", some(OF_RUNS, QUICK))
@pytest.mark.usefixtures("scenes_root")
def test_evaluate(name: str, refused: Refused, run: Path) -> None:
    typed, expected = OF_RUNS[name]
    said = refused("evaluate.py", *(item.replace("RUN", str(run)) for item in typed))
    for words in expected:
        assert words in said
    assert not (run / "evaluation.json").exists()


def zeros(*shape: int, dtype: type = np.int64) -> np.ndarray:
    return np.zeros(shape, dtype)


FILES: dict[str, tuple[str, np.ndarray, str]] = {
    "smaller than the image": ("semseg", zeros(32, 32), "in the size of the original image"),
    "logits, channels first": ("semseg", zeros(21, SIZE, SIZE, dtype=float), "64 x 21"),
    "three channels of ids": ("semseg", zeros(SIZE, SIZE, 3), "needs (64, 64)"),
    "ids that are no whole numbers": ("semseg", zeros(SIZE, SIZE, dtype=float), "no class ids"),
    "negative ids": ("semseg", zeros(SIZE, SIZE) - 1, "no class ids"),
    "ids beyond the classes": ("semseg", zeros(SIZE, SIZE) + 21, "class 21 of only 21"),
    "text": ("semseg", np.full((SIZE, SIZE), "a"), "no map of numbers"),
    "probabilities over 1": ("saliency", zeros(SIZE, SIZE) + 255, "write 0 to 1"),
    "logits for probabilities": ("edge", zeros(SIZE, SIZE, dtype=float) - 3, "from -3 to -3"),
    "one number for a normal": ("normals", zeros(SIZE, SIZE, dtype=float), "needs (64, 64, 3)"),
    "two numbers for a normal": ("normals", zeros(SIZE, SIZE, 2, dtype=float), "(64, 64, 3)"),
}


@pytest.mark.parametrize("name", some([*FILES, "an image without a file"], QUICK))
def test_prediction_files(name: str, refused: Refused, scenes_root: Path, tmp_path: Path) -> None:
    task, numbers, expected = FILES.get(name, ("semseg", zeros(SIZE, SIZE), "is missing"))
    (tmp_path / task).mkdir()
    if name in FILES:
        for index in range(NUM_VAL):
            np.save(tmp_path / task / f"val_{index:06d}.npy", numbers)
    scenes = {"num_train": NUM_TRAIN, "num_val": NUM_VAL, "size": f"[{SIZE},{SIZE}]", "seed": SEED}
    made = [f"data.generator.{key}={value}" for key, value in scenes.items()]
    data = ["data=scenes", f"data.root={scenes_root}", "data.num_workers=0", *made]
    said = refused("evaluate.py", f"predictions={tmp_path}", *data)
    assert expected in said
    assert not (tmp_path / "evaluation.json").exists()


OF_SCRIPTS: dict[str, tuple[str, list[str], list[str]]] = {
    "bench, what": ("bench", ["foo"], ["invalid choice: 'foo'", "odsf"]),
    "bench, file under a file": ("bench", ["data", "--json=/etc/passwd/a"], ["can't be written"]),
    "bench, data": ("bench", ["data", "data=foo"], ["choose one of nyud"]),
    "browse, no folder": ("browse_data", [], ["--out"]),
    "browse, count of 0": ("browse_data", ["--out=a", "--count=0"], ["'0' is no whole number"]),
    "browse, negative epoch": ("browse_data", ["--out=a", "--epoch=-1"], ["'-1' is no whole"]),
    "browse, no tasks": ("browse_data", ["--out=a", "tasks=[]"], ["tasks is empty"]),
    "reference, no run": ("make_reference", ["--name=a"], ["RUN"]),
    "reference, no run folder": ("make_reference", ["/nothing", "--name=a"], ["no run folder"]),
    "reference, name elsewhere": ("make_reference", ["a", "--name=../a"], ["is no name"]),
    "reference, name taken": (
        "make_reference",
        ["a", "--name=paper_stl_resnet18"],
        ["choose another --name"],
    ),
    "model_info, option": ("model_info", ["--json"], ["--json; ", "--help"]),
    "model_info, image": ("model_info", ["data.image_size=[7,7]"], ["multiple of the patch"]),
    "prepare, option": ("prepare_data", ["--foo"], ["unrecognized arguments: --foo"]),
    "prepare, target": ("prepare_data", ["data._target_=a"], ["outside what configs may build"]),
    "prepare, no folder": ("prepare_data", ["data.root=null"], ["data.root=null is no folder"]),
    "prepare, other files": ("prepare_data", ["data.root=/etc"], ["/etc holds other files"]),
    "search, nothing": ("search", [], ["usage", "trials=N"]),
    "search, no trials": ("search", ["trials=0", "metric=a", SPACE], ["1 or more"]),
    "search, no metric": ("search", ["trials=1", SPACE], ["metric= is missing"]),
    "search, metric": ("search", ["trials=1", "metric=foo", SPACE], ["foo is not measured"]),
    "search, direction": ("search", ["trials=1", "metric=a", "direction=up", SPACE], ["maximize"]),
    "search, reversed": ("search", ["data.seed=int(3,1)"], ["LOW must be less than HIGH"]),
    "search, logarithm": ("search", ["training.optimizer.lr=log(0,1)"], ["has no logarithm at 0"]),
    "search, words": ("search", ["training.optimizer.lr=log(a,b)"], ["must name two numbers"]),
    "search, one choice": ("search", ["model.adapter.rank=choice(1)"], ["nothing to choose"]),
    "search, nothing to try": ("search", ["trials=1", "metric=a", "seed=1"], ["nothing to search"]),
    "search, its own folder": ("search", ["run_dir=a"], ["run_dir is set for every trial"]),
    "search, sweep": ("search", ["trials=1", "metric=a", SPACE, "data.seed=0,1"], ["choice(A,B"]),
    "search, setting": (
        "search",
        ["trials=1", "metric=val/loss", SPACE, "report.num_sheets=a"],
        ["report.num_sheets=a"],
    ),
    "search, type": (
        "search",
        ["trials=1", "metric=val/loss", "model.adapter.rank=uniform(1,4)"],
        ["model.adapter.rank=1.0", "int"],
    ),
    "report, nothing": ("report", [], ["usage", "run=RUN_OR_SWEEP"]),
    "report, no run": ("report", ["run=/nothing"], ["run=/nothing is no run folder"]),
    "report, option": ("report", ["--foo"], ["--foo is no key", "usage"]),
    "soak, few steps": ("soak", ["steps=1"], ["usage", "100 or more"]),
    "torture, negative": ("torture", ["kills=-1"], ["usage"]),
    "torture, no such folder": ("torture", ["kills=1", "tmpdir=/nothing"], ["tmpdir=/nothing"]),
    "drawing, option": ("draw_edges_shrunk", ["--foo"], ["unrecognized arguments: --foo"]),
    "drawing, under a file": ("draw_edges_shrunk", ["/etc/passwd/a.png"], ["can't be written"]),
}


@pytest.mark.parametrize("name", some(OF_SCRIPTS, QUICK))
def test_scripts(
    name: str, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, typed, expected = OF_SCRIPTS[name]
    monkeypatch.chdir(tmp_path)
    own = [f"folder={tmp_path / 'search'}"] if script == "search" and typed else []
    said = refused(f"scripts/{script}.py", *own, *typed)
    for words in expected:
        assert words in said
    assert not list(tmp_path.iterdir()), "nothing is left"
