"""Autograd in Python: the engine in C++ asks the driver for streams, and fake tensors have none."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.graph import Node


def backward(loss: Tensor) -> None:
    """What loss.backward() does; raises where a gradient would change device on its way."""
    order = nodes_from(loss.grad_fn)
    incoming: dict[Node, dict[int, Tensor]] = {loss.grad_fn: {0: torch.ones_like(loss)}}
    with torch.no_grad():
        for node in order:
            metadata = node._input_metadata
            found = incoming.pop(node, {})
            grads = [fit(found[i], m) if i in found else None for i, m in enumerate(metadata)]
            if hasattr(node, "variable"):
                node.variable.grad = grads[0]
                continue
            results = node(*grads)
            results = results if isinstance(results, tuple) else (results,)
            for (following, index), grad in zip(node.next_functions, results, strict=True):
                if following is not None and grad is not None:
                    slot = incoming.setdefault(following, {})
                    slot[index] = slot[index] + grad if index in slot else grad


def nodes_from(root: Node) -> list[Node]:
    """All nodes below, each before those that it feeds."""
    order: list[Node] = []
    done: set[Node] = set()
    stack = [(root, False)]
    while stack:
        node, finished = stack.pop()
        if finished:
            order.append(node)
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            stack += [(following, False) for following, _ in node.next_functions if following]
    return order[::-1]


def fit(grad: Tensor, metadata) -> Tensor:
    """A gradient in the shape and type that a node expects: broadcasting is undone here."""
    if grad.device != metadata.device:
        raise RuntimeError(
            f"a gradient on {grad.device} for a tensor on {metadata.device}: devices"
        )
    return grad.sum_to_size(metadata.shape).to(metadata.dtype)
