"""Adapters: what is trained inside a frozen encoder; one method a file."""

from mtl_ase.model.adapters.adapter import Adapter
from mtl_ase.model.adapters.gates import (
    AdaptiveShared,
    Gate,
    NaiveShared,
    RenormalisedTopK,
    SoftmaxTopK,
)
from mtl_ase.model.adapters.lora import LoRA
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.routed_experts import RoutedExperts
from mtl_ase.model.adapters.router import NoisyRouter
from mtl_ase.model.adapters.site import Site

__all__ = [
    "Adapter",
    "AdaptiveShared",
    "Gate",
    "LoRA",
    "LowRankAdapter",
    "NaiveShared",
    "NoisyRouter",
    "RenormalisedTopK",
    "RoutedExperts",
    "Site",
    "SoftmaxTopK",
]
