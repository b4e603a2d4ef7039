"""Plausible mistakes over train.py: each ends in one sentence that helps, and exit code 2."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests.attacks.conftest import Refused, some

ROOT = Path(__file__).parents[2]


# Of train.py with the tiny network: what is typed, and what the sentence must say.
TYPED: dict[str, tuple[list[str], list[str]]] = {
    "option that there is not": (["--foo"], ["unrecognized arguments: --foo", "--help"]),
    "misspelt choice of an option": (["--cfg=jobb"], ["'jobb'", "'job'"]),
    "config name that is none": (["--config-name=trian"], ["trian is no config"]),
    "config folder that is none": (["--config-dir=/nothing"], ["'/nothing' not found"]),
    "value without its key": (["=3"], ["command line"]),
    "spaces around the sign": (["seed = 3"], ["'seed = 3' is no override", "KEY=VALUE"]),
    "option chosen twice": (["+experiment=ase"], ["experiment is chosen already", "leave out"]),
    "group set to null": (["model/decoder=null"], ["Config group override"]),
    "list without brackets": (["tasks=semseg,edge"], ["[value1,value2]"]),
    "mode of Hydra that is none": (["hydra.mode=foo"], ["hydra.mode=foo", "RUN, MULTIRUN"]),
    "sweep without values": (["-m", "seed=range(0)"], ["no jobs"]),
    "sweep over the folder": (["-m", "seed=0,1", "run_dir=a,b"], ["one run_dir"]),
    "sweep with a value twice": (["-m", "seed=1,1"], ["two jobs of the sweep are the same"]),
    "sweep over an unknown option": (["-m", "experiment=asee,ase"], ["did you mean ase?"]),
    "variable that is not set": (["data.seed=${oc.env:NOPE}"], ["data.seed", "'NOPE' not found"]),
    "resolver that is none": (["data.root=${nope:1}"], ["data.root", "nope"]),
    "folder for the run under a file": (["run_dir=/etc/passwd/x"], ["run_dir=/etc/passwd/x"]),
    "file as folder for the run": (["run_dir=/etc/passwd"], ["File exists", "give another"]),
    "no folder for the run": (["run_dir="], ["run_dir= names no folder"]),
    "folder that can't be made": (["run_dir=/proc/x"], ["run_dir=/proc/x can't be made"]),
}
VALUES: dict[str, tuple[list[str], list[str]]] = {
    "negative seed": (["seed=-1"], ["seed=-1", "from 0 to 4294967295"]),
    "huge seed": (["seed=99999999999"], ["seed=99999999999", "4294967295"]),
    "no seed": (["seed="], ["seed= does not fit", "int"]),
    "number as checkpoint": (["resume=5"], ["resume=5", "str"]),
    "missing checkpoint": (["resume=/nothing.ckpt"], ["/nothing.ckpt is no checkpoint", "auto"]),
    "folder as checkpoint": (["resume=/tmp"], ["resume=/tmp is no checkpoint"]),
    "word for a number of sheets": (["report.num_sheets=a"], ["report.num_sheets=a", "int"]),
    "fewer than no sheets": (["report.num_sheets=-1"], ["report.num_sheets=-1", "from 0 on"]),
    "maybe": (["report.trivial=maybe"], ["report.trivial=maybe", "bool"]),
    "no accumulation": (["trainer.accumulate_grad_batches=0"], ["from 1 on"]),
    "validation every 0 epochs": (["trainer.check_val_every_n_epoch=0"], ["int from 1 on or null"]),
    "negative clipping": (["trainer.gradient_clip_val=-1"], ["gradient_clip_val=-1", "from 0 on"]),
}
BUILT: dict[str, tuple[list[str], list[str]]] = {
    "no learning": (["training.optimizer.lr=-1"], ["training.optimizer", "learning rate: -1"]),
    "momentum of AdamW": (
        ["+training.optimizer.momentum=1"],
        ["momentum is no argument"],
    ),
    "one beta": (["+training.optimizer.betas=[0.9]"], ["training.optimizer.betas=[0.9]"]),
    "schedule gone": (["training.schedule=null"], ["training.schedule=null"]),
    "precision of another library": (["trainer.precision=fp16"], ["precision=fp16", "16-mixed"]),
    "a TPU": (["trainer.accelerator=tpu"], ["trainer can't be built", "torch_xla"]),
    "unknown strategy": (["trainer.strategy=ddpp"], ["ddpp", "ddp_spawn"]),
    "all devices of a CPU": (["trainer.devices=-1"], ["devices", "int > 0"]),
    "99 processes": (["trainer.devices=99"], ["trainer.devices=99", "choose fewer"]),
    "time as a word": (["+trainer.max_time=tomorrow"], ["tomorrow", "DD:HH:MM:SS"]),
    "interval of 0": (["+trainer.val_check_interval=0"], ["trainer.val_check_interval=0"]),
    "watch what is not logged": (
        ["callbacks.best.monitor=val/foo"],
        ["val/foo", "val/semseg/miou"],
    ),
    "log every 0 steps": (["callbacks.router.every_n_steps=0"], ["router.every_n_steps=0", "1 on"]),
    "no workers but less": (["data.num_workers=-1"], ["data.num_workers=-1", "from 0 on or null"]),
    "one side of an image": (["data.image_size=[64]"], ["data.image_size=[64]", "[int"]),
    "size no patch divides": (["data.image_size=[64,70]"], ["image_size=[64, 70]", "patch size"]),
    "other scenes in the folder": (["data.generator.num_train=25"], ["holds other files", "empty"]),
    "split that is not there": (["+data.val_split=test"], ["test.txt is missing", "split list"]),
    "task of other data": (["tasks=[semseg,depth]"], ["'depth'", "leave it out"]),
    "too few channels": (["tasks.semseg.channels=5"], ["tasks.semseg.channels=5", "21 classes"]),
    "weight that is no number": (["tasks.edge.weight=nan"], ["tasks.edge.weight=nan"]),
    "headline that is none": (
        ["tasks.edge.headline=foo"],
        ["not one of its metrics", "choose one"],
    ),
    "no images for edges": (["metrics.edge.max_images=0"], ["max_images=0", "from 1 on or null"]),
    "negative experts": (["model.adapter.num_experts=-4"], ["num_experts=-4", "from 1 on"]),
    "head without channels": (["size.head.hidden=0"], ["head.hidden=0", "from 1 on"]),
    "network that is no ViT": (["model.encoder.name=resnet50"], ["resnet50", "choose a name"]),
    "text as weights": (["model.encoder.weights=/etc/passwd"], ["can't be read as a checkpoint"]),
    "callback that is a number": (["+callbacks.mine=3"], ["callbacks.mine has no _target_"]),
    "task that is null": (["tasks.edge=null"], ["tasks.edge", "leave it out (~tasks.edge)"]),
    "misspelt argument with a plus": (["+model.adapter.rankk=3"], ["did you mean rank?"]),
    "trainer gone": (["~trainer"], ["as changed by the other overrides"]),
    "schedule taken out": (["~training.schedule"], ["training.schedule is missing"]),
    "policy that is none": (["training.nonfinite=ignore"], ["it takes raise or skip"]),
    "misspelt option of wandb": (["logger=wandb", "+logger.wandb.projct=a"], ["wandb.projct"]),
}
QUICK = {
    "option that there is not",
    "misspelt choice of an option",
    "value without its key",
    "spaces around the sign",
    "option chosen twice",
    "sweep without values",
    "variable that is not set",
    "file as folder for the run",
    "no folder for the run",
    "negative seed",
    "word for a number of sheets",
    "no accumulation",
    "no learning",
    "99 processes",
    "watch what is not logged",
    "too few channels",
    "misspelt argument with a plus",
    "misspelt option of wandb",
}
"""What is tried every time, one of a kind."""


@pytest.mark.parametrize("name", some(TYPED, QUICK))
def test_the_command_line(name: str, refused: Refused, tmp_path: Path) -> None:
    typed, expected = TYPED[name]
    folder = [] if any("run_dir=" in item for item in typed) else [f"run_dir={tmp_path / 'run'}"]
    said = refused("train.py", *typed, *folder)
    for words in expected:
        assert words in said
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.parametrize("name", some([*VALUES, *BUILT], QUICK))
def test_a_value(name: str, refused: Refused, tiny: list[str], tmp_path: Path) -> None:
    typed, expected = (VALUES | BUILT)[name]
    folder = tmp_path / "run"
    said = refused("train.py", *tiny, f"run_dir={folder}", *typed)
    for words in expected:
        assert words in said
    left = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    assert left <= {".lock", "config.yaml"}, "nothing that blocks the next try"


@pytest.mark.slow
def test_the_same_folder_may_be_used_after_a_mistake(
    refused: Refused, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"run_dir={tmp_path / 'run'}"
    refused("train.py", *tiny, folder, "data.batch_size=0")
    refused("train.py", *tiny, folder, "trainer.limit_val_batches=0.01")
    refused("train.py", *tiny, folder, "tasks.saliency.channels=2")
    mended = [str(ROOT / "train.py"), *tiny, folder, "trainer.max_steps=1"]
    monkeypatch.setattr(sys, "argv", mended)
    runpy.run_path(mended[0], run_name="__main__")
    assert (tmp_path / "run" / "DONE").exists()


@pytest.mark.slow
def test_wandb_without_a_login(
    refused: Refused, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    online = ["logger=wandb", "logger.wandb.offline=false"]
    said = refused("train.py", *tiny, f"run_dir={tmp_path / 'run'}", *online)
    assert "wandb login" in said
    assert "logger.wandb.offline=true" in said


def test_tensorboard_that_is_not_installed(
    refused: Refused, tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(f"lightning.fabric.loggers.tensorboard.{name}", False)
    said = refused("train.py", *tiny, f"run_dir={tmp_path / 'run'}", "logger=tensorboard")
    assert "logger.tensorboard can't be built" in said
    assert "pip install" in said


@pytest.mark.parametrize("option", ["trainer=gpu", "trainer.accelerator=cuda"])
def test_a_gpu_where_there_is_none(
    option: str,
    refused: Refused,
    tiny: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    said = refused("train.py", *tiny, f"run_dir={tmp_path / 'run'}", option)
    assert "trainer can't be built" in said


def test_a_sweep_under_torchrun(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert "-m under torchrun" in refused("train.py", "-m", "seed=0,1")


def test_an_override_may_refer_to_its_neighbour(tiny: list[str], composed) -> None:
    """Where overrides are listed, `${.rank}` stands for nothing; in its place it does."""
    config = composed(*tiny, "hydra.mode=RUN", "model.adapter.alpha_per_rank=${.rank}")
    assert config.model.adapter.alpha_per_rank == config.model.adapter.rank
    assert config.experiment_name == "ase"
