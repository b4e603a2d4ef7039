"""The experiment that a run started from, and what was changed in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from mtl_ase.config import CONFIGS
from mtl_ase.config.composing import compose_config
from mtl_ase.run_pages.flat_config import Flat, flat_config
from mtl_ase.sweeps.overrides import key_of, value_of

GROUPS = ("experiment", "setting")
ABSENT = "(none)"
PLACE = "/RUN"


@dataclass(frozen=True)
class Difference:
    """A key of the config.

    Attributes:
        key: dotted.
        values: in the parent and in the run, or in several runs.
        same: whether all are equal.
    """

    key: str
    values: Sequence[str]
    same: bool


@dataclass(frozen=True)
class Parent:
    """An experiment as it is in the project.

    Attributes:
        command: its overrides of train.py, e.g. "experiment=demo setting=scenes".
        config: its values by key.
        guessed: whether the run does not say that it is its parent.
    """

    command: str
    config: Flat
    guessed: bool


def parent_of(run: Flat, overrides: Sequence[str] | None) -> Parent | None:
    """The experiment and setting that a run was started from.

    Older runs do not tell their overrides, and in others they are none of the project's: then it
    is the experiment of the run's name, in the setting with the fewest differences.

    Args:
        run: the run's config.
        overrides: those of its command line; None if it does not tell them.

    Returns:
        None if no experiment of the project is known to be the parent.
    """
    if overrides is not None:
        chosen = {key_of(item): value_of(item) for item in overrides if key_of(item) in GROUPS}
        if all(value in _names(group) for group, value in chosen.items()):
            own = [f"{group}={chosen[group]}" for group in GROUPS if group in chosen]
            return Parent(" ".join(own) or "train.yaml", _composed(own), guessed=False)
    name = run.get("experiment_name", "")
    if name not in _names("experiment"):
        return None
    commands = [[f"experiment={name}"]]
    commands += [[*commands[0], f"setting={setting}"] for setting in _names("setting")]
    found = [(command, _composed(command)) for command in commands]
    command, config = min(found, key=lambda each: _distance(each[1], run))
    return Parent(" ".join(command), config, guessed=True)


def compare_configs(configs: Sequence[Flat]) -> list[Difference]:
    """Every key of the configs, in the order of the last one, with its value in each."""
    keys = dict.fromkeys(key for config in reversed(configs) for key in config)
    rows = []
    for key in keys:
        values = [config.get(key, ABSENT) for config in configs]
        rows.append(Difference(key, values, len(set(values)) == 1))
    return rows


def _distance(one: Flat, other: Flat) -> int:
    return sum(not row.same for row in compare_configs([one, other]))


def _names(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


def _composed(overrides: Sequence[str]) -> Flat:
    """The config of overrides as train.py would get it.

    Hydra's own state, of the training that has just ended, stays as it was.
    """
    hydra = HydraConfig.instance()
    before, running = hydra.cfg, GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    run = [f"hydra.runtime.output_dir={PLACE}", "hydra.mode=RUN", f"run_dir={PLACE}"]
    try:
        config = compose_config([*overrides, *run])
        resolved = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    finally:
        hydra.cfg = before
        GlobalHydra.instance().hydra = running
    assert isinstance(resolved, DictConfig)
    return flat_config(resolved)
