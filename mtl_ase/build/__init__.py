"""Instantiates tasks, data, network, module and trainer from a config; reads those of runs."""

from mtl_ase.build.from_config import (
    build_augmentation,
    build_data,
    build_module,
    build_network,
    build_outline,
    build_protocol,
    build_tasks,
    build_trainer,
    check_part,
    forget_weights,
    parameter_count,
)
from mtl_ase.build.restored_network import restored_network
from mtl_ase.build.run_config import read_resolved, read_run_config

__all__ = [
    "build_augmentation",
    "build_data",
    "build_module",
    "build_network",
    "build_outline",
    "build_protocol",
    "build_tasks",
    "build_trainer",
    "check_part",
    "forget_weights",
    "parameter_count",
    "read_resolved",
    "read_run_config",
    "restored_network",
]
