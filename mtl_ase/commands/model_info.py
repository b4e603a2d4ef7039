"""The model_info command: parameter counts and forward FLOPs."""

from __future__ import annotations

from typing import Any

import torch
from omegaconf import DictConfig
from torch.utils.flop_counter import FlopCounterMode

from mtl_ase.build import build_network, build_tasks, forget_weights
from mtl_ase.model import count_parameters


def model_info(config: DictConfig) -> dict[str, Any]:
    """Parameters in total and by component, and forward GFLOPs per image (2 per multiply-add).

    The network is built with random weights: nothing is downloaded.

    Args:
        config: the whole config; its `model` node is changed.
    """
    forget_weights(config)
    network = build_network(config, build_tasks(config)).eval()
    image_BCHW = torch.zeros(1, 3, *config.data.image_size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(image_BCHW)
    counts = count_parameters(network)
    return {
        "experiment": config.experiment_name,
        "total_params": sum(count.total for count in counts.values()),
        "trainable_params": sum(count.trainable for count in counts.values()),
        "components": {name: count.total for name, count in counts.items()},
        "forward_gflops_per_image": round(counter.get_total_flops() / 1e9, 3),
    }
