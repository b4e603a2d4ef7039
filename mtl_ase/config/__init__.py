"""Configs: composing and validating them, the allow-list of targets, one-sentence errors."""

from mtl_ase.base.installation import CONFIGS
from mtl_ase.config.allow_list import check_targets, nodes, strings
from mtl_ase.config.entry import exit_on_wrong_use, run_main, run_once
from mtl_ase.config.explain import explain, nearest_key
from mtl_ase.config.library_noise import silence_libraries
from mtl_ase.config.options import closest_option
from mtl_ase.config.own_parts import take_own_parts, trust_options
from mtl_ase.config.value_types import check_value, check_values

__all__ = [
    "CONFIGS",
    "check_targets",
    "check_value",
    "check_values",
    "closest_option",
    "exit_on_wrong_use",
    "explain",
    "nearest_key",
    "nodes",
    "run_main",
    "run_once",
    "silence_libraries",
    "strings",
    "take_own_parts",
    "trust_options",
]
