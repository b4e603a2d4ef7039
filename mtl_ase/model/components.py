"""Parameter counts by component: backbone, LoRA, task embedding, routers, experts, heads."""

from __future__ import annotations

from typing import NamedTuple

from mtl_ase.model.network import MultiTaskNetwork

ORDER = ("backbone", "lora", "task_embedding", "routers", "experts")
"""Components that come first."""


class Count(NamedTuple):
    """Number of parameters of one component, in total and trainable."""

    total: int
    trainable: int


def count_parameters(network: MultiTaskNetwork) -> dict[str, Count]:
    """Parameter counts by component, in the order of the forward pass."""
    components = network.encoder.components() | network.decoder.components()
    counts = {}
    for name in sorted(components, key=lambda name: (*ORDER, name).index(name)):
        sizes = [(parameter.numel(), parameter.requires_grad) for parameter in components[name]]
        counts[name] = Count(sum(s for s, _ in sizes), sum(s for s, trained in sizes if trained))
    return counts
