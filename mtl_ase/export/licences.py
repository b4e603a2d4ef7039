"""Under which licence a backbone's weights are."""

from __future__ import annotations

from typing import NamedTuple

import timm
from omegaconf import DictConfig

from mtl_ase.model.encoders.pretrained import SHIPPED

OURS = "apache-2.0"
"""Licence of this project and of the weights that ship with it."""
UNKNOWN = "unknown"


class Backbone(NamedTuple):
    """The pretrained weights that training began with."""

    source: str | None  #: where they were read from; None: they were random
    licence: str  #: an identifier as model hubs use it, or "unknown"
    note: str  #: the same as a sentence


def backbone_of(config: DictConfig) -> Backbone:
    """What a run's config says of the weights its encoder began with."""
    encoder = config.model.encoder
    weights, name = encoder.get("weights"), encoder.get("name")
    if encoder.get("stl"):
        note = "It began with weights of single-task runs, whose backbones may have licences."
        return Backbone("single-task runs", UNKNOWN, note)
    if weights is not None:
        return _of_file(str(weights))
    if not encoder.get("pretrained", False):
        return Backbone(None, OURS, "It began with random weights, which have no licence.")
    if name is None:
        note = "torchvision publishes the weights of ResNet-18 on ImageNet under BSD-3-Clause."
        return Backbone("torchvision resnet18", "bsd-3-clause", note)
    return _of_timm(str(name))


def _of_file(weights: str) -> Backbone:
    if (SHIPPED / f"{weights}.safetensors").is_file():
        return Backbone(weights, OURS, f"{weights} ships with mtl_ase under Apache-2.0.")
    note = f"The licence of the local file {weights} is not known here; look it up before sharing."
    return Backbone(weights, UNKNOWN, note)


def _of_timm(name: str) -> Backbone:
    published = timm.get_pretrained_cfg(name)
    place = getattr(published, "hf_hub_id", None) or name
    licence = getattr(published, "license", None)
    if not licence:
        note = f"timm states no licence for {place}; see its model card before sharing."
        return Backbone(f"timm {name}", UNKNOWN, note)
    return Backbone(f"timm {name}", licence, f"timm states {licence} for {place}.")
