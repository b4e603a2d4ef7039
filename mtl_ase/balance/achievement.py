"""Achievement-based weights. Legend: T tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from mtl_ase.balance.balance import Balance
from mtl_ase.balance.present_tasks import logs, shares
from mtl_ase.balance.single_task_results import SingleTaskResults, one_each
from mtl_ase.base.bounds import AboveZero, Share, Weight
from mtl_ase.base.errors import UserError


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
        self.results = one_each(reference, weights, dataset)
        self.geometric = form == "geometric"
        self.margin, self.gamma, self.memory = margin, gamma, memory
        self.score_T: Tensor
        self.raw_T: Tensor
        self.count_T: Tensor
        self.register_buffer("score_T", torch.zeros(len(weights), dtype=torch.float64))
        self.register_buffer("raw_T", torch.zeros(len(weights), dtype=torch.float64))
        self.register_buffer("count_T", torch.zeros(len(weights), dtype=torch.int64))

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
        known_T = self.count_T > 0
        self.raw_T.copy_(self.raw_T.where(known_T, self.raw_T[known_T].mean().nan_to_num()))

    def _remember(self, row: int, score: float) -> None:
        kept = self.memory if self.count_T[row] else 0.0
        self.score_T[row] = kept * self.score_T[row] + (1 - kept) * score
        self.count_T[row] += 1

    def _raw(self, score: float, result: float, higher_is_better: bool) -> float:
        """How far a score is from its potential, (1 - a)^gamma."""
        if higher_is_better:
            achieved = score / (result * (1 + self.margin))
        else:
            achieved = result / (1 + self.margin) / score if score else 1.0
        return float((1 - min(max(achieved, 0.0), 1.0)) ** self.gamma)
