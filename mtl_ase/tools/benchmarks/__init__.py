"""Benchmarks: speed ratios to other implementations, timed alternately in one run."""

from mtl_ase.tools.benchmarks.balance import benchmark_balance
from mtl_ase.tools.benchmarks.data import benchmark_data
from mtl_ase.tools.benchmarks.interleaved import Timing, interleave
from mtl_ase.tools.benchmarks.odsf import benchmark_odsf
from mtl_ase.tools.benchmarks.recipe import benchmark_recipe

__all__ = [
    "Timing",
    "benchmark_balance",
    "benchmark_data",
    "benchmark_odsf",
    "benchmark_recipe",
    "interleave",
]
