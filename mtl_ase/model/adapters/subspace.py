"""Gradients rescaled along the eigenvectors of a covariance of inputs, as SAME does.

Legend: D width in, X rows of a gradient. A covariance C_DD = V diag(lambda) V^T is given by its
eigenvalues, the largest first, and the eigenvectors as columns of V. Both changes of a gradient are
(G V) diag(factor) V^T, so they differ only in a factor for every direction.
"""

from __future__ import annotations

import torch
from torch import Tensor

WINDOW = 3
"""Neighbouring eigenvalues that a router's factor is smoothed over, as in SAME's released code."""


def eigen(covariance_DD: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues_D, the largest first, none negative, and the eigenvectors as columns."""
    values_D, vectors_DD = torch.linalg.eigh(covariance_DD)
    return values_D.flip(0).clamp(min=0), vectors_DD.flip(1)


def principal(values_D: Tensor, delta: float) -> Tensor:
    """True for the fewest directions with sum lambda_i^2 >= delta * sum of all lambda_j^2."""
    energy_D = values_D.square()
    larger_D = energy_D.cumsum(0) - energy_D
    return larger_D < delta * energy_D.sum()


def inverse_factors(values_D: Tensor, delta: float, mu: float) -> Tensor:
    """Of (C + mu I)^-1 ~= V_k (lambda_k + mu I)^-1 V_k^T + (1 / mu) (I - V_k V_k^T).

    V_k are the principal directions; with all of them it is the inverse itself.
    """
    return torch.where(principal(values_D, delta), values_D, 0.0).add(mu).reciprocal()


def router_factors(values_D: Tensor, delta: float, floor: float) -> Tensor:
    """g(lambda): smaller along directions of more variance, 1 outside of the principal ones.

    g_i = max(floor, min_j s_j / s_i), s the eigenvalues' mean over `WINDOW` neighbours, i the last.
    """
    chosen_D = principal(values_D, delta)
    smooth_D = _trailing_mean(values_D)
    least = torch.where(chosen_D, smooth_D, torch.inf).min()
    ratio_D = least / smooth_D.clamp(min=torch.finfo(values_D.dtype).tiny)
    return torch.where(chosen_D, ratio_D.clamp(floor, 1.0), 1.0)


def rescaled(gradient_XD: Tensor, vectors_DD: Tensor, factor_D: Tensor) -> Tensor:
    """G V diag(factor) V^T."""
    return (gradient_XD @ vectors_DD * factor_D) @ vectors_DD.mT


def with_norm_of(gradient_XD: Tensor, other_XD: Tensor) -> Tensor:
    """The gradient, scaled to the other's Frobenius norm; the last two axes are one gradient."""
    norms = [value.square().sum((-2, -1), keepdim=True).sqrt() for value in (gradient_XD, other_XD)]
    return gradient_XD * (norms[1] / norms[0].clamp(min=torch.finfo(norms[0].dtype).tiny))


def interference(change_XD: Tensor, covariance_DD: Tensor) -> Tensor:
    """tr(dW C dW^T): how much a change of the weights changes what earlier inputs give."""
    return torch.einsum("xd,de,xe->", change_XD, covariance_DD, change_XD)


def _trailing_mean(values_D: Tensor) -> Tensor:
    """Mean of every value and the `WINDOW` - 1 before it; of fewer at the start."""
    padded_D = torch.nn.functional.pad(values_D, (WINDOW - 1, 0))
    number_D = torch.arange(1, len(values_D) + 1, device=values_D.device).clamp(max=WINDOW)
    return padded_D.unfold(0, WINDOW, 1).sum(-1) / number_D
