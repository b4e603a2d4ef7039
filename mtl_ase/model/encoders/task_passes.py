"""A module run once for every task, with every task's weights. Legend: T tasks, B images."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from mtl_ase.model.routing import Routing, as_list

Weights = Mapping[str, Tensor]
"""Weights by name, with the task axis first."""


def run_by_task(
    module: nn.Module, by_task: Weights, private: Weights, x_TBLD: Tensor
) -> tuple[Tensor, list[Routing]]:
    """What `module(x_TBLD)` gives, with weights of each task in place of the shared ones.

    So the gradients of the shared weights come task by task from one backward pass.

    Args:
        module: a block or an adapter: from x_TBLD to a tensor (T, B, L, ...) and the decisions of
            its routers; no task of it sees another.
        by_task: weights that all tasks share, expanded or one for each task, (T, ...).
        private: weights that have a task axis in the module itself.
        x_TBLD: tokens of every task.
    """
    places: list[tuple[int, str]] = []

    def run(by_task: Weights, private: Weights, x_1BLD: Tensor) -> tuple[Tensor, Any]:
        y_1BLD, decided = functional_call(module, {**by_task, **private}, (x_1BLD,))
        routings = as_list(decided)
        places[:] = [(routing.layer, routing.site) for routing in routings]
        return y_1BLD, [(routing.logits_TBLE, routing.gate_TBLE) for routing in routings]

    private = {name: weight.unsqueeze(1) for name, weight in private.items()}
    run_all = vmap(run, randomness="different")
    with _attention_for(x_TBLD.device):
        y_T1BLD, decided = run_all(dict(by_task), private, x_TBLD.unsqueeze(1))
    routings = [
        Routing(*place, *(value_T1BLE.squeeze(1) for value_T1BLE in values))
        for place, values in zip(places, decided, strict=True)
    ]
    return y_T1BLD.squeeze(1), routings


def _attention_for(device: torch.device) -> AbstractContextManager[Any]:
    """On CPUs vmap would run PyTorch's fused attention task by task, and warn of it."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def embed_by_task(embed: nn.Module, by_task: Weights, x_BCHW: Tensor) -> Tensor:
    """Tokens_TBLD of the same images, embedded with every task's weights."""

    def run(weights: Weights) -> Tensor:
        x_BLD: Tensor = functional_call(embed, dict(weights), (x_BCHW,))
        return x_BLD

    x_TBLD: Tensor = vmap(run, randomness="different")(dict(by_task))
    return x_TBLD


def below(weights: Weights, prefix: str) -> dict[str, Tensor]:
    """The weights whose names begin with a prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix)
    }
