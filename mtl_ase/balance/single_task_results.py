"""Results of single-task networks that multi-task ones are compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from mtl_ase.base.errors import UserError


class SingleTaskResults(Protocol):
    """Results of single-task networks, such as `Reference`."""

    @property
    def dataset(self) -> str:
        """Name of the data set that they were measured on."""

    @property
    def values(self) -> Mapping[str, float]:
        """Results by full metric key, e.g. "semseg/miou"."""


def one_each(
    reference: SingleTaskResults | None, weights: Mapping[str, float], dataset: str
) -> dict[str, float]:
    """The single-task result of every task by full metric key, in the order of the task axis.

    Args:
        reference: the results, with one metric of each task.
        weights: of the tasks by name, in the order of the task axis.
        dataset: name of the data set that is learned.

    Raises:
        UserError: the reference is missing, of another data set, or lacks a task, or has a result
            of it that is not above 0 and finite.
    """
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
        if not 0 < reference.values.get(found.get(name, ""), 0) < math.inf:
            raise UserError(
                f"balance=achievement compares with single-task results, but the reference has "
                f"none above 0 of {name}; set it in training.reference.values and sources."
            )
    return {found[name]: float(reference.values[found[name]]) for name in weights}
