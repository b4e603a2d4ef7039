"""Decoder heads: from a feature map of the token grid to a task's logits."""

from mtl_ase.model.decoders.heads.deeplab import DeepLab
from mtl_ase.model.decoders.heads.light import LightHead
from mtl_ase.model.decoders.heads.setr_pup import SETRPUP

__all__ = ["SETRPUP", "DeepLab", "LightHead"]
