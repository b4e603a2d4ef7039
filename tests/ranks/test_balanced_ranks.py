"""Two processes with half of a batch each balance the tasks as one process with all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.ranks.conftest import FAULTY, last
from tests.ranks.test_joined_batch import PLAIN
from tests.resume.test_balances_resumed import OPTIONS, RULES

STEPS = "trainer.max_steps=4"
QUICK = ("nash_mtl",)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(rule, marks=[] if rule in QUICK else pytest.mark.slow)
        for rule in RULES
        if rule != "fixed"
    ],
)
def test_a_rule_sees_the_joined_batch(
    finish: Callable[..., None], tiny: list[str], two_ranks: list[str], tmp_path: Path, name: str
) -> None:
    """Parameters and what the rule remembers; random rules draw the same numbers."""
    rule = [*PLAIN, f"balance={name}", *OPTIONS.get(name, []), STEPS]
    one, two = tmp_path / "one", tmp_path / "two"
    quiet = {"script": FAULTY, "TEST_QUIET": "1"}
    finish(*tiny, *rule, "data.batch_size=4", f"run_dir={one}", **quiet)
    finish(*two_ranks, *rule, "data.batch_size=2", f"run_dir={two}", **quiet)
    before, after = (last(folder)["state_dict"] for folder in (one, two))
    assert before.keys() == after.keys()
    for key, value in before.items():
        torch.testing.assert_close(after[key], value, rtol=1e-6, atol=1e-9, msg=key)
