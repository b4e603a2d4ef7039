"""Adapters: what is trained inside a frozen encoder; one method a file."""

from mtl_ase.model.adapters.adapter import Adapter
from mtl_ase.model.adapters.c_lorae import CLoRAE
from mtl_ase.model.adapters.fgmoe import FGMoE
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
from mtl_ase.model.adapters.mmolre import MMoLRE
from mtl_ase.model.adapters.mola import MoLA
from mtl_ase.model.adapters.mtl_lora import MTLLoRA
from mtl_ase.model.adapters.mtlora import MTLoRA
from mtl_ase.model.adapters.private_low_rank import PrivateLowRank
from mtl_ase.model.adapters.routed_experts import RoutedExperts
from mtl_ase.model.adapters.router import NoisyRouter
from mtl_ase.model.adapters.same import SAME
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.adapters.smola import SMoLA
from mtl_ase.model.adapters.smora import SMoRA
from mtl_ase.model.adapters.stage_memory import StageMemory
from mtl_ase.model.adapters.tadformer import TADFormer
from mtl_ase.model.adapters.team_lora import TeamLoRA
from mtl_ase.model.adapters.token_routed import TokenRouted

__all__ = [
    "GOAT",
    "SAME",
    "Adapter",
    "AdaptiveShared",
    "CLoRAE",
    "FGMoE",
    "Gate",
    "HydraLoRA",
    "LoRA",
    "LowRankAdapter",
    "MMoLRE",
    "MTLLoRA",
    "MTLoRA",
    "MoLA",
    "NaiveShared",
    "NoisyRouter",
    "PrivateLowRank",
    "RenormalisedTopK",
    "RoutedExperts",
    "SMoLA",
    "SMoRA",
    "Site",
    "SoftmaxTopK",
    "StageMemory",
    "TADFormer",
    "TeamLoRA",
    "TokenRouted",
]
