"""Instantiates tasks, data, network, module and trainer from a composed config."""

from mtl_ase.build.from_config import (
    build_data,
    build_module,
    build_network,
    build_outline,
    build_tasks,
    build_trainer,
    check_part,
    forget_weights,
    parameter_count,
)

__all__ = [
    "build_data",
    "build_module",
    "build_network",
    "build_outline",
    "build_tasks",
    "build_trainer",
    "check_part",
    "forget_weights",
    "parameter_count",
]
