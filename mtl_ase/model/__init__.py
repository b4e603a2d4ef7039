"""The network: frozen ViT, LoRA, task-routed experts, heads."""

from mtl_ase.model.adapter import ExpertAdapter, Routing
from mtl_ase.model.backbone import ViTBackbone
from mtl_ase.model.components import Count, count_parameters
from mtl_ase.model.experts import LowRankExperts
from mtl_ase.model.gates import AdaptiveShared, Gate, NaiveShared, RenormalisedTopK, SoftmaxTopK
from mtl_ase.model.heads import SETRPUP, LightHead
from mtl_ase.model.lora import LoRALinear, add_lora
from mtl_ase.model.network import MultiTaskNetwork, Prediction
from mtl_ase.model.pretrained import load_weights, save_weights
from mtl_ase.model.router import NoisyRouter

__all__ = [
    "SETRPUP",
    "AdaptiveShared",
    "Count",
    "ExpertAdapter",
    "Gate",
    "LightHead",
    "LoRALinear",
    "LowRankExperts",
    "MultiTaskNetwork",
    "NaiveShared",
    "NoisyRouter",
    "Prediction",
    "RenormalisedTopK",
    "Routing",
    "SoftmaxTopK",
    "ViTBackbone",
    "add_lora",
    "count_parameters",
    "load_weights",
    "save_weights",
]
