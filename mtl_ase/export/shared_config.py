"""A run's config without what is of the machine that it ran on."""

from __future__ import annotations

import copy

from omegaconf import DictConfig, open_dict

OF_THE_MACHINE = ("run_dir", "resume", "logger", "callbacks")
"""Keys of the config that say nothing of the network: files and folders of the run."""


def shared_config(config: DictConfig) -> DictConfig:
    """A copy that can be given to others: without folders of the run, its data and other runs.

    `model.encoder.weights` stays: it says which backbone the adapters are for.
    """
    shared = copy.deepcopy(config)
    with open_dict(shared):
        for key in OF_THE_MACHINE:
            shared.pop(key, None)
        shared.get("trainer", {}).pop("default_root_dir", None)
        shared.data.root = None
        for part in (shared.model.encoder, shared.model.decoder):
            if "stl" in part:
                part.stl = None
    return shared
