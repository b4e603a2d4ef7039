"""Balancing rules: from the losses of the tasks, or their gradients, to one step."""

from mtl_ase.balance.achievement import Achievement
from mtl_ase.balance.balance import Balance, joined_mean
from mtl_ase.balance.dwa import DWA
from mtl_ase.balance.famo import FAMO
from mtl_ase.balance.fixed_weights import FixedWeights
from mtl_ase.balance.gls import GLS
from mtl_ase.balance.gradient_rule import Combined, GradientRule, GramianRule
from mtl_ase.balance.imtl_l import IMTLL
from mtl_ase.balance.nash_mtl import NashMTL
from mtl_ase.balance.rlw import RLW
from mtl_ase.balance.stch import STCH
from mtl_ase.balance.uncertainty import Uncertainty

__all__ = [
    "DWA",
    "FAMO",
    "GLS",
    "IMTLL",
    "RLW",
    "STCH",
    "Achievement",
    "Balance",
    "Combined",
    "FixedWeights",
    "GradientRule",
    "GramianRule",
    "NashMTL",
    "Uncertainty",
    "joined_mean",
]
