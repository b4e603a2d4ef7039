"""No two rules are the same by mistake; those that theory says are the same really are.

LibMTL's CAGrad and MoCo once gave the same curves (its issue 56).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from tests.balance.every_rule import GRADIENT_RULES, build
from tests.balance.gramians import conflicting, unit

pytest.importorskip("torchjd")

NUM_STEPS = 4
DIFFERENT = 1e-3
"""Least distance of the unit vectors of two directions for rules that differ."""

SAME_AS_CONFIGURED: dict[frozenset[str], tuple[str, float]] = {
    frozenset({"aligned_mtl", "torchjd"}): ("TorchJD's default weighting here is the same", 1e-5),
}
"""Pairs of options that are the same rule: the reason, and the distance of unit vectors."""


def own(count: int) -> list[Tensor]:
    """What the tasks' gradients are in the steps; conflicting, of different lengths."""
    return [conflicting(count, number, size=9) for number in range(NUM_STEPS)]


def of_length_1(count: int) -> list[Tensor]:
    return [torch.nn.functional.normalize(jacobian_TP) for jacobian_TP in own(count)]


def without_conflict(count: int) -> list[Tensor]:
    return [jacobian_TP.abs() for jacobian_TP in own(count)]


class Same(NamedTuple):
    """Rules that are the same on some gradients, and why."""

    why: str
    rules: list[tuple[str, dict[str, Any]]]
    counts: tuple[int, ...] = (2, 3, 5)
    gradients: Callable[[int], list[Tensor]] = own
    near: float = 1e-5


SYMMETRIC = ("nash_mtl", "imtl_g", "mgda", "sdmgrad", "cagrad", "aligned_mtl", "upgrad", "pcgrad")
SAME = [
    Same(
        "proportional fairness is the bargaining solution",
        [("nash_mtl", {}), ("fairgrad", {"alpha": 1.0})],
    ),
    Same("targets that stay 0 are those of PCGrad", [("pcgrad", {}), ("gradvac", {"beta": 0.0})]),
    Same("nothing draws to the mean", [("mgda", {}), ("sdmgrad", {"pull": 0.0})]),
    Same(
        "in a large ball the mean does not matter",
        [("mgda", {}), ("cagrad", {"c": 1e6})],
        near=1e-4,
    ),
    Same(
        "a ball of radius 0 holds the mean alone, and all else is drawn to it",
        [("cagrad", {"c": 0.0}), ("sdmgrad", {"pull": 1e6})],
    ),
    Same("the other's shadow is all that two lose", [("pcgrad", {}), ("upgrad", {})], counts=(2,)),
    Same(
        "both bisect the angle of two gradients",
        [("nash_mtl", {}), ("imtl_g", {})],
        counts=(2,),
    ),
    Same(
        "the middle of two unit vectors is their hull's shortest",
        [("mgda", {"normalise": "l2"}), ("cagrad", {"c": 0.0})],
        counts=(2,),
    ),
    Same(
        "two gradients of the same length can only be treated in the same way",
        [(name, {}) for name in (*SYMMETRIC, "fairgrad")],
        counts=(2,),
        gradients=of_length_1,
    ),
    Same(
        "without conflict nothing is taken from the sum",
        [("pcgrad", {}), ("upgrad", {}), ("cagrad", {"c": 0.0})],
        gradients=without_conflict,
    ),
]


def directions(name: str, options: dict[str, Any], jacobians: list[Tensor]) -> list[Tensor]:
    """Unit vectors of the rule's directions in steps one after the other."""
    count, size = jacobians[0].shape
    rule = build(name, count, size, **options)
    generator = torch.Generator().manual_seed(0)
    units = []
    for jacobian_TP in jacobians:
        losses_T = torch.rand(count, generator=generator) + 0.5
        combined = rule.combine(jacobian_TP.float(), losses_T, list(range(count)))
        units.append(unit(combined.direction_P))
    return units


@cache
def as_configured(name: str) -> list[Tensor]:
    """Of three and of five tasks."""
    return [d_P for count in (3, 5) for d_P in directions(name, {}, own(count))]


def distance(mine: list[Tensor], others: list[Tensor]) -> float:
    """The largest of the steps."""
    return max((a_P - b_P).norm().item() for a_P, b_P in zip(mine, others, strict=True))


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(GRADIENT_RULES, 2)))
def test_two_rules_differ_unless_they_are_the_same(one: str, other: str) -> None:
    apart = distance(as_configured(one), as_configured(other))
    same = SAME_AS_CONFIGURED.get(frozenset({one, other}))
    if same is None:
        assert apart > DIFFERENT
    else:
        assert apart < same[1], same[0]


CASES = [(same, count) for same in SAME for count in same.counts]


@pytest.mark.parametrize(
    ("same", "count"), CASES, ids=[f"{same.why}, {count} tasks" for same, count in CASES]
)
def test_what_theory_says_is_the_same_is(same: Same, count: int) -> None:
    found = [directions(name, options, same.gradients(count)) for name, options in same.rules]
    for others in found[1:]:
        assert distance(found[0], others) < same.near


def test_every_rule_is_compared() -> None:
    assert {"nash_mtl", "mgda", "pcgrad"} < set(GRADIENT_RULES)
    assert "fixed" not in GRADIENT_RULES
    assert set().union(*SAME_AS_CONFIGURED) <= set(GRADIENT_RULES)
