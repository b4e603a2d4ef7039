"""The stored run of the demo: its routers are alive, by its own router.csv."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from mtl_ase.training.router_health import RouterHealth, router_health

STORED = Path(__file__).parents[2] / "docs" / "results" / "demo" / "router.csv"


@pytest.fixture(scope="module")
def health() -> list[RouterHealth]:
    """Of every logged step."""
    return router_health(STORED)


def test_shared_experts_begin_with_an_equal_weight(health: list[RouterHealth]) -> None:
    first = health[0]
    assert first.step == 1
    assert first.uniform == 0.25
    assert first.shared is not None
    assert all(0.8 < weight / first.uniform < 1.2 for weight in first.shared.values())


def test_shared_experts_lead_in_the_first_tenth(health: list[RouterHealth]) -> None:
    early = [each.leads for each in health if each.step <= 0.1 * health[-1].step]
    assert len(early) >= 5
    assert statistics.fmean(leads or 0.0 for leads in early) > 0.6


def test_shared_experts_are_used_to_the_end(health: list[RouterHealth]) -> None:
    assert health[-1].shared is not None
    assert all(0.1 < weight < 0.6 for weight in health[-1].shared.values())


def test_tokens_of_a_task_use_different_experts(health: list[RouterHealth]) -> None:
    for each in health:
        assert each.token_entropy is not None
        assert min(each.token_entropy.values()) > 0.3


def test_tasks_share_experts_and_none_is_idle(health: list[RouterHealth]) -> None:
    assert health[-1].information < 0.5
    assert all(each.idle == 0 for each in health)
