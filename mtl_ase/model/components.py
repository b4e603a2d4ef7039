"""Parameter counts by component: backbone, LoRA, task embedding, routers, experts, heads."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

from mtl_ase.model.network import MultiTaskNetwork

ORDER = ("backbone", "lora", "task_embedding", "routers", "experts")
"""Components that come first."""


class Count(NamedTuple):
    """Number of parameters of one component, in total and trainable."""

    total: int
    trainable: int


def count_parameters(network: MultiTaskNetwork) -> dict[str, Count]:
    """Parameter counts by component, in the order of the forward pass.

    A component that encoder and decoder both have, such as experts, is counted over both.
    """
    parts = (network.encoder.components(), network.decoder.components())
    names = dict.fromkeys(name for part in parts for name in part)
    counts = {}
    for name in sorted(names, key=lambda name: (*ORDER, name).index(name)):
        parameters = chain.from_iterable(part.get(name, ()) for part in parts)
        sizes = [(parameter.numel(), parameter.requires_grad) for parameter in parameters]
        counts[name] = Count(sum(s for s, _ in sizes), sum(s for s, trained in sizes if trained))
    return counts


def count_all(network: MultiTaskNetwork) -> Count:
    """Parameter counts of all components together."""
    totals, trainables = zip(*count_parameters(network).values(), strict=True)
    return Count(sum(totals), sum(trainables))
