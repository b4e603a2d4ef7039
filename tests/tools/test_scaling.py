"""What training steps need, read off small networks. B images."""

from __future__ import annotations

import pytest

from mtl_ase.build import build_outline
from mtl_ase.config import run_once
from mtl_ase.model import count_parameters
from mtl_ase.tools.benchmarks.arithmetic import flops
from mtl_ase.tools.benchmarks.scaling import PerImageAndBlock, row, step_flops
from mtl_ase.tools.benchmarks.training_step import TrainingStep
from mtl_ase.tools.saved_memory import look_at_forward
from tests.conftest import Compose

BASE = ["experiment=ase_finegrained", "size=small", "data.image_size=[64,64]"]
BF16 = "trainer.precision=bf16-mixed"


def small(images: int, depth: int) -> list[str]:
    return [*BASE, BF16, f"data.batch_size={images}", f"size.vit.options={{depth:{depth}}}"]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["saved", "flops"])
def test_numbers_grow_with_images_and_blocks(composed: Compose, what: str) -> None:
    def measure(images: int, depth: int) -> float:
        config = composed(*small(images, depth))
        return step_flops(config) if what == "flops" else look_at_forward(config).saved

    predicted = PerImageAndBlock.fitted(measure)(3, 4)
    assert predicted == pytest.approx(measure(3, 4), rel=1e-6)


@pytest.mark.slow
def test_flops_are_those_of_a_real_step(composed: Compose) -> None:
    counted = step_flops(composed(*small(1, 2)))
    step = TrainingStep(composed(*small(1, 2)))
    assert counted == pytest.approx(flops(step.run_once), rel=0.02)  # the rest are losses


@pytest.mark.slow
def test_a_row() -> None:
    found = row("ViT-B/16", 64, "light", BASE)
    counts = run_once(lambda config: count_parameters(build_outline(config)), [*BASE, "size=base"])
    backbone = counts["backbone"].total / 1e6
    assert backbone < found["parameters, M"] < 1.3 * backbone
    assert found["largest batch"]["24"] < found["largest batch"]["48"]
    assert found["largest batch"]["80"] < found["largest batch, checkpointed"]["80"]
    assert found["checkpointed over not"] < 0.8
