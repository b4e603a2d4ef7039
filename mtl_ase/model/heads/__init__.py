"""Decoder heads: a feature map in, a task's logits out; one file a head."""

from mtl_ase.model.heads.light import LightHead
from mtl_ase.model.heads.setr_pup import SETRPUP

__all__ = ["SETRPUP", "LightHead"]
