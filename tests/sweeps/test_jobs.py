"""The jobs of a command line agree with those that Hydra launches, in names that are stable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.config import CONFIGS
from mtl_ase.sweeps import jobs_of

Sweep = Callable[..., DictConfig]


@pytest.fixture
def sweep() -> Iterator[Sweep]:
    """Composes the config of a whole sweep, as Hydra does for -m."""

    def compose(*overrides: str) -> DictConfig:
        loader = GlobalHydra.instance().config_loader()
        given = [*overrides, "hydra.mode=MULTIRUN"]
        return loader.load_configuration("train", given, run_mode=RunMode.MULTIRUN)

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        yield compose


def folder_of(config: DictConfig) -> Path:
    return Path(config.hydra.sweep.dir, config.hydra.sweep.subdir).absolute()


def configs_of_jobs(config: DictConfig) -> list[DictConfig]:
    """The configs that Hydra's launcher makes for the jobs."""
    loader = GlobalHydra.instance().config_loader()
    return [loader.load_sweep_config(config, list(job.overrides)) for job in jobs_of(config)]


@pytest.mark.parametrize(
    "overrides",
    [
        ["seed=0,1", "model.adapter.rank=range(1,4)", "data.batch_size=4"],
        ["experiment=ase,lora_moe", "run_dir='a b'"],
        ["experiment=glob(ase*)", "tasks=[semseg,edge],[semseg]"],
        ["data.root=/a/b,../c", "resume=never"],
    ],
)
def test_folders_are_those_of_the_launched_jobs(sweep: Sweep, overrides: list[str]) -> None:
    config = sweep(*overrides)
    jobs = jobs_of(config)
    found = [folder_of(job) for job in configs_of_jobs(config)]
    assert [job.folder for job in jobs] == found
    assert len(set(found)) == len(found) > 1
    assert len({folder.parent for folder in found}) == 1


@pytest.mark.parametrize(
    ("overrides", "folder"),
    [
        (["experiment=lora_moe", "seed=0,1"], "runs/lora_moe/sweep"),
        (["experiment=ase,lora_moe"], "runs/several/sweep"),
        (["experiment_name=mine", "experiment=ase,lora_moe"], "runs/mine/sweep"),
        (["run_dir=some/place", "seed=0,1"], "some/place"),
    ],
)
def test_a_sweep_has_the_same_folder_at_every_start(
    sweep: Sweep, overrides: list[str], folder: str
) -> None:
    config = sweep(*overrides)
    assert config.hydra.sweep.dir == folder
    assert {Path(job.hydra.sweep.dir) for job in configs_of_jobs(config)} == {Path(folder)}


def test_a_single_run_is_named_by_its_time(composed: Callable[..., DictConfig]) -> None:
    config = composed("experiment=lora_moe")
    assert config.run_dir.startswith("runs/lora_moe/20")
    assert config.run_dir == HydraConfig.get().run.dir


@pytest.mark.parametrize(
    "overrides", [["seed=1,1"], ["run_dir=a,b"], ["resume=auto,never"], ["seed=1,2,1"]]
)
def test_the_same_job_twice_is_refused(sweep: Sweep, overrides: list[str]) -> None:
    with pytest.raises(UserError, match="two jobs of the sweep are the same"):
        jobs_of(sweep(*overrides))


def test_parameters_of_the_sweeper_are_swept_too(sweep: Sweep) -> None:
    config = sweep("seed=0,1")
    config.hydra.sweeper.params = {"model.adapter.rank": "1,2"}
    assert len(jobs_of(config)) == 4
