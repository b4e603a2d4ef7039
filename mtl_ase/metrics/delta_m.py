"""Delta_m, the mean relative gain over the tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


def delta_m(
    values: Mapping[str, Tensor],
    reference: Mapping[str, float],
    higher_is_better: Mapping[str, bool],
) -> Tensor:
    """Mean relative gain over single-task networks, in percent.

    Delta_m = 100 / T sum_t (-1)^{l_t} (M_t - S_t) / S_t, with l_t = 1 where lower is better.
    Source: the paper's evaluation, after ASTMT (arXiv 1904.08918).

    Args:
        values: M, the result (...) of each task: a scalar, or one value per bootstrap sample.
        reference: S, the single-task result of each task.
        higher_is_better: direction of each task's metric; its keys are the T tasks.

    Returns:
        (...); NaN if a value or a reference is missing or NaN, or there is no task.
    """
    gains = []
    for name, higher in higher_is_better.items():
        single = reference.get(name) or math.nan
        gain = (values.get(name, torch.tensor(math.nan)) - single) / single
        gains.append(gain if higher else -gain)
    return 100 * torch.stack(gains).mean(0) if gains else torch.tensor(math.nan)


def gain_of(
    scores: Mapping[str, float],
    reference: Mapping[str, float],
    higher_is_better: Mapping[str, bool],
) -> float:
    """`delta_m` of one score of each task, as a number."""
    tensors = {key: torch.tensor(value, dtype=torch.float64) for key, value in scores.items()}
    return float(delta_m(tensors, reference, higher_is_better))
