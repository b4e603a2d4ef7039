"""Parameters counted by the parts of the network that a reader knows by name."""

from __future__ import annotations

from typing import NamedTuple

from mtl_ase.model.network import MultiTaskNetwork


class Count(NamedTuple):
    """Parameters of one component."""

    total: int
    trainable: int


def component_of(name: str) -> str:
    """The component that a parameter of the network belongs to, by its dotted name."""
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
    """Parameters by component, in the order of the data's way through the network."""
    counts: dict[str, Count] = {}
    order = ("backbone", "lora", "task_embedding", "routers", "experts")
    for name, parameter in network.named_parameters():
        component = component_of(name)
        total, trainable = counts.get(component, Count(0, 0))
        size = parameter.numel()
        counts[component] = Count(total + size, trainable + size * parameter.requires_grad)
    known = {name: counts.pop(name) for name in order if name in counts}
    return known | counts
