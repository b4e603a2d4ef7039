"""Decoders: from every task's feature maps to its logits."""

from mtl_ase.model.decoders.decoder import Decoder
from mtl_ase.model.decoders.fgmoe import FGMoE
from mtl_ase.model.decoders.heads import SETRPUP, DeepLab, LightHead
from mtl_ase.model.decoders.mlore import MLoRE
from mtl_ase.model.decoders.one_head_a_task import OneHeadATask

__all__ = ["SETRPUP", "Decoder", "DeepLab", "FGMoE", "LightHead", "MLoRE", "OneHeadATask"]
