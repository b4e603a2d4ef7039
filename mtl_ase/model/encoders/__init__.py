"""Encoders: from images to every task's feature maps."""

from mtl_ase.model.encoders.encoder import Encoder, FeatureMap
from mtl_ase.model.encoders.pretrained import load_weights, save_weights
from mtl_ase.model.encoders.vit import ViTEncoder

__all__ = ["Encoder", "FeatureMap", "ViTEncoder", "load_weights", "save_weights"]
