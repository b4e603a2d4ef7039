"""Balancing rules: from the losses of the tasks, or their gradients, to one step."""

from mtl_ase.balance.balance import Balance, joined_mean
from mtl_ase.balance.fixed_weights import FixedWeights
from mtl_ase.balance.gradient_rule import Combined, GradientRule, GramianRule
from mtl_ase.balance.nash_mtl import NashMTL

__all__ = [
    "Balance",
    "Combined",
    "FixedWeights",
    "GradientRule",
    "GramianRule",
    "NashMTL",
    "joined_mean",
]
