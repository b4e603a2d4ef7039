"""Parameter counts by component: backbone, LoRA, task embedding, routers, experts, heads."""

from __future__ import annotations

from typing import NamedTuple

from mtl_ase.model.network import MultiTaskNetwork


class Count(NamedTuple):
    """Number of parameters of one component, in total and trainable."""

    total: int
    trainable: int


def component_of(name: str) -> str:
    """The component of a parameter, given its dotted name in the network."""
    if name.startswith("heads."):
        return "head." + name.split(".")[1]
    if name.startswith("task_embedding"):
        return "task_embedding"
    if ".adapter.router." in name:
        return "routers"
    if ".adapter." in name:
        return "experts"
    if name.endswith(("down_RD", "up_OR")):
        return "lora"
    return "backbone"


def count_parameters(network: MultiTaskNetwork) -> dict[str, Count]:
    """Parameter counts by component, in the order of the forward pass."""
    counts: dict[str, Count] = {}
    order = ("backbone", "lora", "task_embedding", "routers", "experts")
    for name, parameter in network.named_parameters():
        component = component_of(name)
        total, trainable = counts.get(component, Count(0, 0))
        size = parameter.numel()
        counts[component] = Count(total + size, trainable + size * parameter.requires_grad)
    known = {name: counts.pop(name) for name in order if name in counts}
    return known | counts
