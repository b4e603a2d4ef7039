"""Instantiates the parts of a composed config; the only module that does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from mtl_ase.base.errors import UserError
from mtl_ase.config.allow_list import check_targets
from mtl_ase.config.arguments import check_arguments
from mtl_ase.config.value_types import check_values
from mtl_ase.config.written_paths import check_paths
from mtl_ase.data import Augmentation, DataModule
from mtl_ase.evaluation import EvalProtocol
from mtl_ase.model import Count, MultiTaskNetwork, count_all
from mtl_ase.tasks import Task
from mtl_ase.training import MultiTaskModule

HANDED = {
    "data": ("tasks", "counts"),
    "tasks": ("name",),
    "model": ("channels",),
    "training": ("network", "tasks", "dataset"),
    "trainer": ("logger", "callbacks"),
}
"""Keyword arguments that the functions below add to those of the config, by part."""
SEVERAL = ("tasks", "logger", "callbacks")
"""Parts that are mappings from names to nodes."""


def check_part(config: DictConfig, part: str) -> None:
    """Check the arguments and value types of a part before any of it is built.

    Raises:
        UserError: names the first invalid argument or value.
    """
    content = config[part]
    entries = content.items() if part in SEVERAL else [("", content)]
    for key, node in entries:
        path = f"{part}.{key}".rstrip(".")
        optional = part in ("logger", "callbacks") and node is None
        if not optional and not (isinstance(node, DictConfig) and "_target_" in node):
            raise UserError(
                f"{path} has no _target_, so nothing can be built; choose an option of a config "
                f"group, or leave it out (~{path})."
            )
        if node is not None:
            # the configs of older runs write a task's name too; `build_tasks` compares it
            handed = [name for name in HANDED.get(part, ()) if name != "name" or name not in node]
            check_arguments(node, path, handed)
    check_values(config, part)


def build_tasks(config: DictConfig, trusted: tuple[str, ...] = ()) -> dict[str, Task]:
    """Build the tasks, in the order of the config; call it first: it checks all `_target_`s.

    Args:
        config: the whole config.
        trusted: prefixes of `_target_`s that are allowed besides the allow-list's.

    Raises:
        UserError: a target is not allowed, a value has the wrong type, there is no task, or a
            task's name differs from its key.
    """
    check_targets(config, trusted)
    if not config.get("tasks"):
        raise UserError("tasks is empty; name at least one, e.g. tasks=[semseg].")
    check_part(config, "tasks")
    for key, node in config.tasks.items():
        if node.get("name", key) != key:
            raise UserError(f"tasks.{key}.name={node.name} must be {key}; leave the name out.")
    return {
        str(key): instantiate(node, name=str(key), _convert_="object")
        for key, node in config.tasks.items()
    }


def build_network(config: DictConfig, tasks: Mapping[str, Task]) -> MultiTaskNetwork:
    """Build the network for these tasks."""
    check_part(config, "model")
    channels = {name: task.channels for name, task in tasks.items()}
    network: MultiTaskNetwork = instantiate(config.model, channels=channels)
    return network


def forget_weights(config: DictConfig) -> None:
    """Let a network be built with random weights: nothing is read or downloaded.

    Args:
        config: the whole config; its `model` node is changed, in keys of encoders and decoders
            that name a source of weights.
    """
    sources = {"pretrained": False, "weights": None, "stl": None}
    for node in (config.model.encoder, config.model.decoder):
        node.update({key: value for key, value in sources.items() if key in node})


def build_outline(config: DictConfig) -> MultiTaskNetwork:
    """The network of a config without memory for its parameters; nothing is read or downloaded.

    Args:
        config: the whole config; its `model` node is changed.
    """
    forget_weights(config)
    tasks = build_tasks(config)
    with torch.device("meta"):
        return build_network(config, tasks)


def parameter_count(config: DictConfig) -> Count:
    """All parameters of a config's network, in total and trainable; its `model` node is changed."""
    return count_all(build_outline(config))


def build_data(config: DictConfig, tasks: Mapping[str, Task]) -> DataModule:
    """Build the data module for these tasks; labels are counted by their losses' `counts`."""
    check_part(config, "data")
    counts = {name: task.counts for name, task in tasks.items() if task.counts is not None}
    data: DataModule = instantiate(config.data, tasks=list(tasks), counts=counts)
    return data


def build_augmentation(config: DictConfig) -> Augmentation:
    """Build the augmentation alone, which says how an image is fitted into the input."""
    check_part(config, "data")
    augmentation: Augmentation = instantiate(config.data.augmentation)
    return augmentation


def build_protocol(config: DictConfig) -> EvalProtocol:
    """Build the evaluation protocol."""
    check_part(config, "protocol")
    protocol: EvalProtocol = instantiate(config.protocol, _convert_="object")
    return protocol


def build_module(
    config: DictConfig, tasks: Mapping[str, Task], network: nn.Module, **others: Any
) -> MultiTaskModule:
    """Build the Lightning module of a network; `others` are passed to its constructor."""
    check_part(config, "training")
    module: MultiTaskModule = instantiate(
        config.training,
        network=network,
        tasks=tasks,
        dataset=config.data.name,
        _convert_="object",
        **others,
    )
    _try_optimizer(config)
    return module


def _try_optimizer(config: DictConfig) -> None:
    """Build the optimiser on dummy parameters, so that invalid values fail before training."""
    groups = [{"params": [nn.Parameter(torch.zeros(1, 1))]} for _ in range(2)]
    instantiate(config.training.optimizer, params=groups, _partial_=False, _convert_="object")


def build_trainer(config: DictConfig, run: Path | None = None) -> pl.Trainer:
    """Build the trainer with its loggers and callbacks.

    Args:
        config: the whole config.
        run: the run folder, outside of which they may not write; None: no restriction.

    Raises:
        UserError: an argument or value is invalid, or a path is outside of the run folder.
    """
    for part in ("trainer", "logger", "callbacks"):
        check_part(config, part)
    if run is not None:
        check_paths(config, run)
    trainer: pl.Trainer = instantiate(
        config.trainer,
        logger=[instantiate(node) for node in config.logger.values() if node],
        callbacks=[instantiate(node) for node in config.callbacks.values() if node],
    )
    return trainer
