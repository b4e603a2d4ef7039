"""The stored run of the demo: its routers are alive, by its own router.csv."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from mtl_ase.base.csv_rows import read_rows
from mtl_ase.evaluation.margin import margin_of_mean
from mtl_ase.training.router_health import RouterHealth, health_of

DOCS = Path(__file__).parents[2] / "docs"
STORED = DOCS / "results" / "demo" / "router.csv"
SEEDS = DOCS / "results" / "routers" / "demo_seeds.json"
PAPER = DOCS / "paper.md"


@pytest.fixture(scope="module")
def health() -> list[RouterHealth]:
    """Of every logged step."""
    return health_of(read_rows(STORED))


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


def test_the_page_says_what_three_seeds_of_the_demo_reached() -> None:
    """delta_m with routers as they were, as they are, and with today's learning rate."""
    runs = json.loads(SEEDS.read_text(encoding="utf-8"))["runs"]
    by_routers: dict[str, dict[int, float]] = {}
    for run in runs:
        by_routers.setdefault(run["routers"], {})[run["seed"]] = run["delta_m"]
    assert all(list(seeds) == [0, 1, 2] for seeds in by_routers.values())
    before, routers, now = by_routers.values()
    page = " ".join(PAPER.read_text(encoding="utf-8").split())
    change = [routers[seed] - before[seed] for seed in before]
    of_seeds = [f"{statistics.fmean(values.values()):.2f}" for values in (before, routers, now)]
    assert f"delta_m is {of_seeds[1]} instead of {of_seeds[0]}: " in page
    assert f"{statistics.fmean(change):.2f} ± {margin_of_mean(change):.2f} %." in page
    assert f"lifts it to {of_seeds[2]};" in page
