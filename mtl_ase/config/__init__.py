"""Configs: composing them, what they may build, wrong use in one sentence."""

from mtl_ase.config.allow_list import check_targets, targets
from mtl_ase.config.build import (
    build_data,
    build_module,
    build_network,
    build_tasks,
    build_trainer,
)
from mtl_ase.config.entry import CONFIGS, exit_on_wrong_use, explain, run_main, run_once

__all__ = [
    "CONFIGS",
    "build_data",
    "build_module",
    "build_network",
    "build_tasks",
    "build_trainer",
    "check_targets",
    "exit_on_wrong_use",
    "explain",
    "run_main",
    "run_once",
    "targets",
]
