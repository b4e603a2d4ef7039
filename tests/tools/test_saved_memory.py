"""What is kept for the backward pass, counted on tensors without data."""

from __future__ import annotations

import itertools

import pytest
import torch

from mtl_ase.base.numerics import to_autocast_dtype
from mtl_ase.machine.precision import BF16, FP32
from mtl_ase.tools.benchmarks.expert_settings import MANY, SETTINGS, counts_of
from mtl_ase.tools.benchmarks.training_step import TrainingStep
from mtl_ase.tools.saved_memory import look_at_forward
from tests.conftest import Compose

VIT_S = ["experiment=ase_finegrained", "size=small", "data.batch_size=1"]


QUICK = (MANY, BF16)


@pytest.mark.parametrize(
    ("setting", "precision"),
    [
        pytest.param(*each, marks=[] if each == QUICK else pytest.mark.slow)
        for each in itertools.product(SETTINGS, (FP32, BF16))
    ],
)
def test_experts_keep_little(composed: Compose, setting: str, precision: str) -> None:
    """At most a tenth of what the network without them keeps (plain LoRA stays)."""
    base = [*VIT_S, f"trainer.precision={precision}"]
    counts = [f"model.adapter.{name}={n}" for name, n in counts_of(setting).items()]
    without = look_at_forward(composed(*base, "model.adapter=null")).saved
    experts = look_at_forward(composed(*base, *counts, "model.adapter.granularity=1")).saved
    assert 1 < experts / without < 1.1


def test_images_and_tasks_cost_the_same_each(composed: Compose) -> None:
    base = [*VIT_S[:2], "trainer.precision=bf16-mixed"]
    one, two = (look_at_forward(composed(*base, f"data.batch_size={n}")) for n in (1, 2))
    assert two.gflops == pytest.approx(2 * one.gflops)
    assert 1.5 < two.saved / one.saved < 2


def test_it_is_what_a_real_pass_keeps(composed: Compose) -> None:
    """With attention as on CPUs, where the pass can be run."""
    own = ["experiment=demo", "data.batch_size=1", "trainer.precision=32-true"]
    step = TrainingStep(composed(*own))
    kept: dict[int, int] = {}

    def keep(value: torch.Tensor) -> torch.Tensor:
        kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
        return value

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        logits, _ = step.network(step.image_BCHW)
        losses = step.task_losses(logits)
    for value in (*step.module.parameters(), *step.module.buffers()):
        kept.pop(value.untyped_storage().data_ptr(), None)
    counted = look_at_forward(composed(*own), fused=False).saved
    assert len(losses) == 5
    assert counted == pytest.approx(sum(kept.values()), rel=0.01)


def test_a_value_is_cast_where_autocast_is_on() -> None:
    x = torch.randn(3)
    assert to_autocast_dtype(x) is x
    with torch.autocast("cpu", torch.bfloat16):
        assert to_autocast_dtype(x).dtype == torch.bfloat16
        with torch.autocast("cpu", enabled=False):
            assert to_autocast_dtype(x) is x
