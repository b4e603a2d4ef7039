"""Adapters: what is trained inside a frozen encoder; one method a file."""

from mtl_ase.model.adapters.adapter import Adapter
from mtl_ase.model.adapters.fgmoe import FGMoE
from mtl_ase.model.adapters.gates import (
    AdaptiveShared,
    Gate,
    NaiveShared,
    RenormalisedTopK,
    SoftmaxTopK,
)
from mtl_ase.model.adapters.lora import LoRA
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.mmolre import MMoLRE
from mtl_ase.model.adapters.mtlora import MTLoRA
from mtl_ase.model.adapters.private_low_rank import PrivateLowRank
from mtl_ase.model.adapters.routed_experts import RoutedExperts
from mtl_ase.model.adapters.router import NoisyRouter
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.adapters.smola import SMoLA
from mtl_ase.model.adapters.tadformer import TADFormer

__all__ = [
    "Adapter",
    "AdaptiveShared",
    "FGMoE",
    "Gate",
    "LoRA",
    "LowRankAdapter",
    "MMoLRE",
    "MTLoRA",
    "NaiveShared",
    "NoisyRouter",
    "PrivateLowRank",
    "RenormalisedTopK",
    "RoutedExperts",
    "SMoLA",
    "Site",
    "SoftmaxTopK",
    "TADFormer",
]
