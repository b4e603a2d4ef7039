"""Achievement-based weights. Legend: T tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, Protocol

import torch
from torch import Tensor

from mtl_ase.balance.balance import Balance
from mtl_ase.balance.present_tasks import logs, shares
from mtl_ase.base.bounds import AboveZero, Share, Weight
from mtl_ase.base.errors import UserError


class SingleTaskResults(Protocol):
    """Results of single-task networks, such as `Reference`."""

    @property
    def dataset(self) -> str:
        """Name of the data set that they were measured on."""

    @property
    def values(self) -> Mapping[str, float]:
        """Results by full metric key, e.g. "semseg/miou"."""


class Achievement(Balance):
    """total = prod_t L_t^w_t, or sum_t w_t L_t, where w = softmax((1 - a_t)^gamma).

    The achievement a_t = k_t / p_t compares a running mean k of the scores of validations with a
    potential p, the single-task result and a margin more. Until the first validation the w are
    equal.

    Source: achievement-based MTL, Yun and Cho, ICCV 2023. In the official code every metric is one
    where higher is better, a task above its potential gains weight again, and a task without labels
    makes the product 0. Ours: a = p / k where lower is better, with p divided by 1 + margin; a is
    clamped to [0, 1]; the w of the tasks that are present add up to 1; a task without a score has
    the mean of the others' (1 - a)^gamma.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        reference: single-task results, with one metric of each task.
        dataset: name of the data set that is learned.
        form: "geometric", the product, or "sum".
        margin: by how much the potential exceeds the single-task result, as a share of it.
        gamma: exponent; the larger, the more do tasks far from their potential stand out.
        memory: share of the running mean that stays at a validation.

    Raises:
        UserError: the reference is missing, of another data set, or lacks a task.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        reference: SingleTaskResults | None = None,
        dataset: str = "",
        form: Literal["geometric", "sum"] = "geometric",
        margin: Weight = 0.05,
        gamma: AboveZero = 2.0,
        memory: Share = 0.9,
    ) -> None:
        super().__init__(weights)
        self.results = _one_each(reference, weights, dataset)
        self.geometric = form == "geometric"
        self.margin, self.gamma, self.memory = margin, gamma, memory
        self.score_T: Tensor
        self.raw_T: Tensor
        unknown_T = torch.full((len(weights),), math.nan, dtype=torch.float64)
        self.register_buffer("score_T", unknown_T)
        self.register_buffer("raw_T", torch.zeros_like(unknown_T))

    def total(self, losses_T: Tensor, present_T: Tensor) -> Tensor:
        """The product or sum over the tasks that are present; 0 without any."""
        w_T = shares(self.raw_T, present_T).to(losses_T)
        if self.geometric:
            return (w_T * logs(losses_T, present_T)).sum().exp() * present_T.any()
        return (w_T * losses_T).sum()

    def end_validation(
        self, scores: Mapping[str, float | None], higher_is_better: Mapping[str, bool]
    ) -> None:
        """Weigh the tasks by how far their scores are from the potentials.

        Raises:
            UserError: the validation lacks a metric of the reference.
        """
        for row, (key, result) in enumerate(self.results.items()):
            if key not in higher_is_better:
                raise UserError(
                    f"balance=achievement compares scores with the reference's {key}, which "
                    "validations here lack; add it to the task's metrics, or change the reference."
                )
            score = scores.get(key)
            if score is not None:
                self._remember(row, score)
                self.raw_T[row] = self._raw(float(self.score_T[row]), result, higher_is_better[key])
        unknown_T = self.score_T.isnan()
        mean = self.raw_T[~unknown_T].mean().nan_to_num()
        self.raw_T.copy_(self.raw_T.where(~unknown_T, mean))

    def _remember(self, row: int, score: float) -> None:
        before = float(self.score_T[row])
        first = math.isnan(before)
        self.score_T[row] = score if first else self.memory * before + (1 - self.memory) * score

    def _raw(self, score: float, result: float, higher_is_better: bool) -> float:
        """How far a score is from its potential, (1 - a)^gamma."""
        if higher_is_better:
            achieved = score / (result * (1 + self.margin))
        else:
            achieved = result / (1 + self.margin) / score if score else 1.0
        return float((1 - min(max(achieved, 0.0), 1.0)) ** self.gamma)


def _one_each(
    reference: SingleTaskResults | None, weights: Mapping[str, float], dataset: str
) -> dict[str, float]:
    """The single-task result of every task by full metric key, in the order of the task axis."""
    if reference is None:
        raise UserError(
            "balance=achievement compares with single-task results, but there are none; choose "
            "some with reference=NAME."
        )
    if reference.dataset != dataset:
        raise UserError(
            f"balance=achievement compares with single-task results, but the reference is of data "
            f"set {reference.dataset}, not {dataset}; choose one of it with reference=NAME."
        )
    found = {key.partition("/")[0]: key for key in reference.values}
    for name in weights:
        if not reference.values.get(found.get(name, "")):
            raise UserError(
                f"balance=achievement compares with single-task results, but the reference has "
                f"none of {name}; add it to training.reference.values and sources."
            )
    return {found[name]: float(reference.values[found[name]]) for name in weights}
