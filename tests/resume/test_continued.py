"""What goes on otherwise than it began: more or fewer steps, other classes, older checkpoints."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.data import DataModule
from tests.conftest import Compose
from tests.resume.runs import QUIET, Setting, Stop, run, same_end, small_config

pytestmark = QUIET

STOPPED = (Setting(accumulate=4), Stop("on_train_batch_start", 6))


class MyData(DataModule):
    """A data module of one's own, under a name of its own."""


@pytest.fixture(scope="module")
def config(composed: Compose, tiny: list[str]) -> DictConfig:
    """The run's config, composed once."""
    return small_config(composed, tiny)


@pytest.fixture(scope="module")
def calm(config: DictConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("calm")
    run(config, folder, STOPPED[0])
    return folder


def of_my_data(config: DictConfig) -> DictConfig:
    """The same with a subclass."""
    target = {"data": {"_target_": f"{__name__}.MyData"}}
    changed = OmegaConf.merge(config, target)
    assert isinstance(changed, DictConfig)
    return changed


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("renamed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_data_module_of_any_name_resumes_exactly(
    config: DictConfig, calm: Path, tmp_path: Path, renamed: bool
) -> None:
    folder = tmp_path / "run"
    run(config if renamed else of_my_data(config), folder, *STOPPED)
    run(of_my_data(config), folder, STOPPED[0])
    same_end(calm, folder)


@pytest.mark.parametrize("name", ["MyData", pytest.param("DataModule", marks=pytest.mark.slow)])
def test_older_checkpoints_are_read(
    config: DictConfig, calm: Path, tmp_path: Path, name: str
) -> None:
    """They hold the state under the class's name, and of other classes Lightning's own counters."""
    folder = tmp_path / "run"
    run(config, folder, *STOPPED)
    path = folder / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    content[name] = content.pop("data_progress")
    torch.save(content, path)
    (path.parent / "manifest.json").unlink()
    run(of_my_data(config) if name == "MyData" else config, folder, STOPPED[0])
    same_end(calm, folder)


def test_a_checkpoint_that_tells_no_progress_is_refused(config: DictConfig, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(config, folder, *STOPPED)
    path = folder / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    del content["data_progress"]
    torch.save(content, path)
    (path.parent / "manifest.json").unlink()
    with pytest.raises(UserError, match="does not say how many training batches are done"):
        run(config, folder, STOPPED[0])


@pytest.mark.parametrize(
    "first", [{"max_steps": 3, "epochs": 9}, pytest.param({"epochs": 1}, marks=pytest.mark.slow)]
)
def test_an_ended_run_goes_on_as_if_it_had_not_ended(
    config: DictConfig, tmp_path: Path, first: dict[str, int]
) -> None:
    """With a constant learning rate; the logs of the first end give way to the steps."""
    common = {"accumulate": 4, "ema": True, "constant": True, "every": 2, "log_every": 2}
    longer = Setting(**common, epochs=3)  # type: ignore[arg-type]
    run(config, tmp_path / "at_once", longer)
    run(config, tmp_path / "in_two", Setting(**common | first))  # type: ignore[arg-type]
    run(config, tmp_path / "in_two", longer)
    same_end(tmp_path / "at_once", tmp_path / "in_two")


def test_more_steps_stretch_the_schedule_from_the_first_one_on(
    config: DictConfig, tmp_path: Path
) -> None:
    run(config, tmp_path / "at_once", Setting(epochs=2))
    run(config, tmp_path / "in_two", Setting(epochs=1))
    run(config, tmp_path / "in_two", Setting(epochs=2))
    rates = [
        [row[key] for row in rows(tmp_path / name)[6:] for key in row if key.startswith("lr-")]
        for name in ("at_once", "in_two")
    ]
    assert rates[0] == rates[1]
    assert float(rates[0][0]) > 0


@pytest.mark.parametrize("ends", [{"epochs": 1}, {"max_steps": 2}])
def test_an_end_before_the_checkpoint_is_refused(
    config: DictConfig, calm: Path, tmp_path: Path, ends: dict[str, int]
) -> None:
    shutil.copytree(calm, tmp_path / "run")
    key, value = next(iter(ends.items()))
    with pytest.raises(UserError, match=rf"trainer\.(max_)?{key}={value}, but the checkpoint has"):
        run(config, tmp_path / "run", Setting(accumulate=4, **ends))


def test_training_without_an_end_is_refused(config: DictConfig, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"trainer\.max_epochs=-1 trains without an end"):
        run(config, tmp_path / "run", Setting(epochs=-1))


def test_a_moved_folder_keeps_its_best_checkpoint(config: DictConfig, tmp_path: Path) -> None:
    """Its score is better than any to come; Lightning would forget it with the folder's path."""
    setting = Setting(epochs=2)
    run(config, tmp_path / "run", setting, Stop("on_train_batch_start", 8))
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    (best,) = (part for name, part in content["callbacks"].items() if "best_model_score" in part)
    score = torch.tensor(0.0)
    best |= {"best_model_score": score, "kth_value": score}
    best["best_k_models"] = dict.fromkeys(best["best_k_models"], score)
    torch.save(content, path)
    (path.parent / "manifest.json").unlink()
    before = (path.parent / "best.ckpt").read_bytes()
    (tmp_path / "run").rename(tmp_path / "moved")
    run(config, tmp_path / "moved", setting)
    assert (tmp_path / "moved" / "checkpoints" / "best.ckpt").read_bytes() == before


class Validations(pl.Callback):
    """Counts them."""

    def __init__(self) -> None:
        self.count = 0

    def on_validation_end(self, *_: Any) -> None:
        """One more."""
        self.count += 1


@pytest.mark.parametrize(
    ("setting", "validations", "steps"),
    [
        (Setting(epochs=2), 2, ["5", "11"]),
        (Setting(epochs=2, every=2), 1, ["11"]),
        pytest.param(Setting(epochs=3, every=2), 2, ["11", "18"], marks=pytest.mark.slow),
        (Setting(max_steps=8, epochs=9), 2, ["5", "8"]),
    ],
    ids=str,
)
def test_the_final_weights_are_validated_once(
    config: DictConfig, tmp_path: Path, setting: Setting, validations: int, steps: list[str]
) -> None:
    counter = Validations()
    run(config, tmp_path / "run", setting, watch=counter)
    assert counter.count == validations
    scored = [row for row in rows(tmp_path / "run") if row["val/loss"]]
    assert [row["step"] for row in scored] == steps
    before = (tmp_path / "run" / "metrics.csv").read_bytes()
    results = (tmp_path / "run" / "metrics.json").read_bytes()
    run(config, tmp_path / "run", setting)  # as after a kill before DONE
    assert (tmp_path / "run" / "metrics.csv").read_bytes() == before
    assert (tmp_path / "run" / "metrics.json").read_bytes() == results


class Poison(pl.Callback):
    """Makes the loss of some batches NaN."""

    def __init__(self, *batches: int) -> None:
        self.batches = batches

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Behind the sum of the losses."""

        def poison(*arguments: Any) -> Any:
            bad = trainer.fit_loop.total_batch_idx in self.batches
            return arguments[-1] * float("nan") if bad else None

        pl_module.balance.register_forward_hook(poison)  # type: ignore[union-attr, operator]


@pytest.mark.filterwarnings("ignore:step 3. the loss of the router is not finite")
@pytest.mark.filterwarnings("ignore:.training_step. returned .None.")
def test_a_batch_left_out_right_after_a_resume(config: DictConfig, tmp_path: Path) -> None:
    """Its row tells its own loss, not that of the batch before."""
    skipping = OmegaConf.merge(config, {"training": {"nonfinite": "skip"}})
    assert isinstance(skipping, DictConfig)
    setting = Setting(epochs=1)
    run(skipping, tmp_path / "calm", setting, watch=Poison(3))
    stop = Stop("on_train_batch_start", 4, late=True)
    run(skipping, tmp_path / "run", setting, stop, watch=Poison(3))
    run(skipping, tmp_path / "run", setting, watch=Poison(3))
    same_end(tmp_path / "calm", tmp_path / "run")
    assert [row["train/loss"] == "nan" for row in rows(tmp_path / "calm")] == [0, 0, 0, 1, 0, 0]


def test_a_run_without_validations_ends_with_its_last_weights(
    config: DictConfig, tmp_path: Path
) -> None:
    """And with no scores; `best.ckpt` is the last one."""
    run(config, tmp_path / "run", Setting(epochs=1, validation=0))
    last, best = (
        torch.load(tmp_path / "run" / "checkpoints" / f"{name}.ckpt", weights_only=True)
        for name in ("last", "best")
    )
    assert last["global_step"] == best["global_step"] == 6
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics.values()) == {None}
