"""Encoders: from images to every task's feature maps."""

from mtl_ase.model.encoders.cross_stitch import CrossStitch
from mtl_ase.model.encoders.encoder import Encoder, FeatureMap
from mtl_ase.model.encoders.mtan import MTAN
from mtl_ase.model.encoders.nddr_cnn import NDDRCNN
from mtl_ase.model.encoders.pretrained import load_weights, save_weights
from mtl_ase.model.encoders.resnet_encoder import ResNetEncoder
from mtl_ase.model.encoders.side_vit import SideViTEncoder
from mtl_ase.model.encoders.vit import ViTEncoder

__all__ = [
    "MTAN",
    "NDDRCNN",
    "CrossStitch",
    "Encoder",
    "FeatureMap",
    "ResNetEncoder",
    "SideViTEncoder",
    "ViTEncoder",
    "load_weights",
    "save_weights",
]
