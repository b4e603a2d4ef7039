"""The network of a run, with the weights that training left."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from mtl_ase.build.from_config import build_network, forget_weights
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.task_subset import weights_of_tasks
from mtl_ase.tasks import Task
from mtl_ase.training.checkpoint_fit import check_content, check_fits
from mtl_ase.training.frozen_weights import PREFIX, FrozenWeights
from mtl_ase.training.stage_statistics import begin_stages


def restored_network(
    config: DictConfig,
    content: dict[str, Any],
    trained: Sequence[str],
    tasks: Mapping[str, Task],
) -> MultiTaskNetwork:
    """The network of a config with the weights of a checkpoint, in evaluation mode.

    Args:
        config: config of the run; its tasks may be some of the trained ones.
        content: content of the checkpoint, or what `mtl_ase.export.read_adapters` gives; changed.
        trained: all tasks of the run, in the order of the task axis.
        tasks: the built tasks by name.

    Raises:
        UserError: the checkpoint is of another network or another frozen backbone, or its weights
            can't be cut down to the tasks.
    """
    check_content(content)
    if "frozen" not in content:  # a checkpoint with all weights
        config = copy.deepcopy(config)
        forget_weights(config)
    network = build_network(config, tasks)
    if OmegaConf.select(config, "data.stages"):
        begin_stages(network.encoder)
    FrozenWeights(network).put_back(content)
    own = network.state_dict()
    state = {
        name.removeprefix(PREFIX): value
        for name, value in content["state_dict"].items()
        if name.startswith(PREFIX)
    }
    if list(trained) != list(tasks):
        state = weights_of_tasks(state, own, trained, list(tasks))
    check_fits({"state_dict": state}, own)
    network.load_state_dict(state)
    return network.eval()
