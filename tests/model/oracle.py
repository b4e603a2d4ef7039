"""The paper's equations as slow loops over tasks, images, tokens and experts, in float64.

T tasks, B images, L tokens, D width, E experts, P = E * rank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor

from mtl_ase.model.adapters import AdaptiveShared, NaiveShared, RenormalisedTopK, SoftmaxTopK

Weights = list[Tensor | float]
Rule = Callable[[list[Tensor], int, int], Weights]


def largest(z: list[Tensor], k: int) -> list[int]:
    """Indices of the k largest, T(x) of the paper."""
    return sorted(range(len(z)), key=lambda i: -float(z[i].detach()))[:k]


def softmax_top_k(z: list[Tensor], k: int, num_shared: int) -> Weights:
    """Eq. 1-3: softmax over all N; what is not among the k largest gets 0."""
    total = sum(z_i.exp() for z_i in z)
    kept = largest(z, k)
    return [z[i].exp() / total if i in kept else 0.0 for i in range(len(z))]


def naive_shared(z: list[Tensor], k: int, num_shared: int) -> Weights:
    """Eq. 5: the same over the sparse experts, then S experts of weight 1."""
    return [*softmax_top_k(z, k, 0), *[1.0] * num_shared]


def adaptive_shared(z: list[Tensor], k: int, num_shared: int) -> Weights:
    """Eq. 6-10: one softmax over the k largest sparse logits and all shared ones."""
    sparse = z[: len(z) - num_shared]
    active = largest(sparse, k) + list(range(len(sparse), len(z)))
    total = sum(z[i].exp() for i in active)
    return [z[i].exp() / total if i in active else 0.0 for i in range(len(z))]


def renormalised_top_k(z: list[Tensor], k: int, num_shared: int) -> Weights:
    """Our control: softmax over the k largest alone."""
    kept = largest(z, k)
    total = sum(z[i].exp() for i in kept)
    return [z[i].exp() / total if i in kept else 0.0 for i in range(len(z))]


RULES: dict[type, Rule] = {
    SoftmaxTopK: softmax_top_k,
    NaiveShared: naive_shared,
    AdaptiveShared: adaptive_shared,
    RenormalisedTopK: renormalised_top_k,
}


def token_logits(x_D: Tensor, router_DE: Tensor) -> list[Tensor]:
    """z_e = w_e . x, for every column of the router."""
    return [torch.dot(router_DE[:, e], x_D) for e in range(router_DE.shape[1])]


def smallest_gap(x_TBLD: Tensor, router_TDE: Tensor) -> float:
    """How far the closest two logits of any token are apart: below rounding, the choice is luck."""
    gaps = [1.0]
    for x_BLD, router_DE in zip(x_TBLD.double(), router_TDE.double(), strict=True):
        for x_D in x_BLD.flatten(0, 1):
            z = sorted(float(z_e.detach()) for z_e in token_logits(x_D, router_DE))
            gaps += [b - a for a, b in pairwise(z)]
    return min(gaps)


def expert_sum(
    x_TBLD: Tensor, weights: Mapping[str, Tensor], rule: Rule, k: int, num_shared: int, alpha: float
) -> Tensor:
    """sum_e g_e (alpha / r) B_e A_e x of every token, from parameters under the adapter's names."""
    down_PD, up_DP = weights["down_RD"], weights["up_OP"]
    out = torch.zeros_like(x_TBLD)
    for t in range(x_TBLD.shape[0]):
        for b in range(x_TBLD.shape[1]):
            for position in range(x_TBLD.shape[2]):
                x_D = x_TBLD[t, b, position]
                gates = rule(token_logits(x_D, weights["router.logits_TDE"][t]), k, num_shared)
                rank = down_PD.shape[0] // len(gates)
                y_D = torch.zeros_like(x_D)
                for e, gate in enumerate(gates):
                    own = slice(e * rank, (e + 1) * rank)
                    y_D = y_D + gate * (alpha / rank) * (up_DP[:, own] @ (down_PD[own] @ x_D))
                out[t, b, position] = y_D
    return out
