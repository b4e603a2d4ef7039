"""Settings of the paper's experts, written as it writes them: N/k/S/r."""

from __future__ import annotations

FEW, MANY = "16/3/1/4", "64/12/4/1"
SETTINGS = (FEW, "32/6/2/2", MANY)
"""The paper's, at N * r = 64."""
FINER = ("128/24/8/1", "256/48/16/1")
"""r can't be below 1, so there are more ranks."""
COARSE, FINEST = "16/3/1/16", FINER[-1]
"""Few experts and many, of as many ranks: N * r = 256."""
NAMES = ("num_experts", "top_k", "num_shared", "rank")


def counts_of(setting: str) -> dict[str, int]:
    """The arguments of `RoutedExperts` by name."""
    return dict(zip(NAMES, map(int, setting.split("/")), strict=True))
