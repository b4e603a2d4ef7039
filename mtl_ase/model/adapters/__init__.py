"""Adapters: what is trained inside a frozen encoder; one method a file."""

from mtl_ase.model.adapters.adapter import Adapter
from mtl_ase.model.adapters.c_lorae import CLoRAE
from mtl_ase.model.adapters.gates import (
    AdaptiveShared,
    Gate,
    NaiveShared,
    RenormalisedTopK,
    SoftmaxTopK,
)
from mtl_ase.model.adapters.goat import GOAT
from mtl_ase.model.adapters.hydra_lora import HydraLoRA
from mtl_ase.model.adapters.lora import LoRA
from mtl_ase.model.adapters.low_rank import LowRankAdapter
from mtl_ase.model.adapters.mola import MoLA
from mtl_ase.model.adapters.mtl_lora import MTLLoRA
from mtl_ase.model.adapters.routed_experts import RoutedExperts
from mtl_ase.model.adapters.router import NoisyRouter
from mtl_ase.model.adapters.same import SAME
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.adapters.smora import SMoRA
from mtl_ase.model.adapters.team_lora import TeamLoRA
from mtl_ase.model.adapters.token_routed import TokenRouted

__all__ = [
    "GOAT",
    "SAME",
    "Adapter",
    "AdaptiveShared",
    "CLoRAE",
    "Gate",
    "HydraLoRA",
    "LoRA",
    "LowRankAdapter",
    "MTLLoRA",
    "MoLA",
    "NaiveShared",
    "NoisyRouter",
    "RenormalisedTopK",
    "RoutedExperts",
    "SMoRA",
    "Site",
    "SoftmaxTopK",
    "TeamLoRA",
    "TokenRouted",
]
