"""Loops that several oracles share. T tasks, B images, L tokens, D width in, O width out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def by_token(update_O: Callable[[int, Tensor], Tensor], x_TBLD: Tensor) -> Tensor:
    """The updates of all tokens, each computed alone from its task and its features."""
    rows = [
        update_O(task, x_D) for task, x_BLD in enumerate(x_TBLD) for x_LD in x_BLD for x_D in x_LD
    ]
    return torch.stack(rows).unflatten(0, x_TBLD.shape[:3])


def softmax(z: Sequence[Tensor], k: int | None = None) -> list[Tensor]:
    """Weights exp z_i / sum over the k largest, 0 for the others; k = None: over all."""
    ranked = sorted(range(len(z)), key=lambda i: -float(z[i].detach()))
    kept = ranked[:k]
    total = sum(z[i].exp() for i in kept)
    return [z[i].exp() / total if i in kept else torch.zeros_like(z[i]) for i in range(len(z))]


def logits(router_ED: Tensor, x_D: Tensor) -> list[Tensor]:
    """w_e . x of every row of a router."""
    return [torch.dot(w_D, x_D) for w_D in router_ED]


def expert(down_RD: Tensor, up_OR: Tensor, e: int, rank: int, x_D: Tensor) -> Tensor:
    """B_e A_e x of the expert that has the rows and columns e * rank to (e + 1) * rank."""
    own = slice(e * rank, (e + 1) * rank)
    return up_OR[:, own] @ (down_RD[own] @ x_D)


def weighed_experts(adapter, x_D: Tensor, k: int | None = None) -> Tensor:
    """sum_e g_e(x) B_e A_e x, g = softmax over the k largest logits of one linear router."""
    weights = softmax(logits(adapter.router_ED, x_D), k)
    rank = len(adapter.down_RD) // len(weights)
    y_O = x_D.new_zeros(len(adapter.up_OP))
    for e, weight in enumerate(weights):
        y_O = y_O + weight * expert(adapter.down_RD, adapter.up_OP, e, rank, x_D)
    return y_O
