"""A run with a balancing rule goes on bit for bit, with all that the rule remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mtl_ase.config import CONFIGS
from tests.conftest import Compose
from tests.resume.runs import QUIET, Setting, Stop, run, same_end, small_config

pytestmark = QUIET

THREE_EPOCHS = Setting(accumulate=2, epochs=3, ema=True)
SINGLE_TASK = [
    "training.reference.dataset=scenes",
    "training.reference.values={semseg/miou:60,saliency/miou:70}",
]
OPTIONS = {
    "uncertainty": ["training.balance.lr_factor=100"],
    "stch": ["training.balance.warmup_epochs=1"],
    "achievement": SINGLE_TASK,
}
RULES = sorted(path.stem for path in (CONFIGS / "balance").glob("*.yaml"))
REMEMBER_NOTHING = {
    *("fixed", "gls", "nash_mtl", "mgda", "cagrad", "imtl_g", "aligned_mtl", "upgrad", "fairgrad"),
    *("sdmgrad", "nash_blocks", "on_maps"),
}
QUICK = ("famo", "achievement", "gradvac")


@pytest.mark.parametrize(
    "name", [r if r in QUICK else pytest.param(r, marks=pytest.mark.slow) for r in RULES]
)
def test_a_rule_goes_on_as_it_was(
    composed: Compose, tiny: list[str], tmp_path: Path, name: str
) -> None:
    config = small_config(composed, [*tiny, f"balance={name}", *OPTIONS.get(name, [])])
    calm, broken = tmp_path / "calm", tmp_path / "broken"
    run(config, calm, THREE_EPOCHS)
    assert run(config, broken, THREE_EPOCHS, Stop("on_train_batch_start", 15))
    run(config, broken, THREE_EPOCHS)
    same_end(calm, broken)
    content = torch.load(calm / "checkpoints" / "last.ckpt", weights_only=True)
    states = content["current_model_state"].items()
    own = [value for key, value in states if key.startswith("balances.")]
    assert all(value.isfinite().all() for value in own)
    assert any(value.any() for value in own) != (name in REMEMBER_NOTHING)
