"""What the benchmarks compare is the same, and what they say is what was measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mtl_ase.machine.precision import FP32, hardware_precisions
from mtl_ase.model.adapters import AdaptiveShared, RoutedExperts, Site
from mtl_ase.tools.benchmarks import layer, odsf, parts, predict, step
from mtl_ase.tools.benchmarks.arithmetic import flops, matrix_rate
from mtl_ase.tools.benchmarks.expert_settings import SETTINGS
from mtl_ase.tools.benchmarks.interleaved import Timing
from mtl_ase.tools.benchmarks.looped_experts import LoopedExperts
from tests.conftest import Compose

SITE = Site("ffn", 0, 1, width_in=24, width_out=24, num_tasks=3, grid_hw=(3, 3))
COUNTS = {"num_experts": 8, "top_k": 2, "num_shared": 1, "rank": 2}


def test_experts_in_a_loop_are_ours() -> None:
    ours, looped = (made(SITE, AdaptiveShared, **COUNTS) for made in (RoutedExperts, LoopedExperts))
    torch.nn.init.normal_(ours.up_OP)
    looped.load_state_dict(ours.state_dict())
    inputs = torch.randn(3, 2, 9, 24).double().requires_grad_(), None
    found = []
    for adapter in (ours.double().eval(), looped.double().eval()):
        x_TBLD = inputs[0].detach().clone().requires_grad_()
        y_TBLO, _ = adapter(x_TBLD)
        y_TBLO.square().sum().backward()
        grads = {name: parameter.grad for name, parameter in adapter.named_parameters()}
        found.append([y_TBLO, x_TBLD.grad, grads["down_RD"], grads["up_OP"]])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_flops_are_two_a_multiply_add() -> None:
    a, b = torch.ones(3, 4, requires_grad=True), torch.ones(4, 5)
    assert flops(lambda: a @ b) == 2 * 3 * 4 * 5
    assert flops(lambda: (a @ b).sum().backward()) == 2 * 2 * 3 * 4 * 5
    assert matrix_rate(torch.device("cpu"), FP32) > 1e8


def test_ratios_are_of_the_same_round() -> None:
    """A machine that is slow for a round makes no difference."""
    assert Timing([2.0, 20.0, 4.0]).over(Timing([1.0, 10.0, 1.0])) == 2


SMALL = ["setting=scenes", "data.image_size=[32,32]", "data.batch_size=1", "optimizer=adamw"]


@pytest.mark.slow
def test_layers_are_timed(composed: Compose) -> None:
    found = layer.benchmark(composed("experiment=ase_finegrained", *SMALL))
    for precision in hardware_precisions():
        over = found[precision]["loop over ours"]
        assert over.keys() == set(layer.LOOPED)
        assert all(value > 0 for value in found[precision]["milliseconds"].values())
    assert found["ratio"] == found[FP32]["loop over ours"]["64/12/4/1"]


@pytest.mark.slow
def test_steps_are_timed(composed: Compose) -> None:
    config = composed("experiment=ase_finegrained", *SMALL)
    found = step.benchmark(config)
    for precision in hardware_precisions():
        assert found[precision]["over without experts"].keys() == set(SETTINGS)
        assert 0 < found[precision]["limit over step"] < 1
    assert config.model.adapter is not None


def test_predictions_are_timed(composed: Compose) -> None:
    config = composed("experiment=ase_finegrained", *SMALL)
    found = predict.benchmark(config)
    for precision in hardware_precisions():
        assert found[precision]["images a second"].keys() == {"all tasks", "semseg"}
        assert all(0 < share < 1 for share in found[precision]["limit over time"].values())
    assert len(config.tasks) == 5


def test_parts_of_a_step_are_timed(composed: Compose, tiny: list[str]) -> None:
    found = parts.benchmark(composed("experiment=ase_finegrained", *tiny))
    shares = found["shares"]
    assert list(shares) == [
        *("embedding", "blocks", "experts", "routers", "heads", "losses"),
        "clipping and optimiser",
    ]
    assert sum(shares.values()) == pytest.approx(found["ratio"], abs=0.01)
    assert all(value > 0 for value in found["milliseconds"].values())


@pytest.mark.parametrize("limit_s", [60.0, 1e-6])
def test_scipy_s_maximum_matching_is_ours_unless_it_takes_too_long(limit_s: float) -> None:
    rng, distance = np.random.default_rng(0), 2.5
    tally, limited = odsf.Tally(), odsf.Limited(limit_s)
    for _ in range(3):
        mask_HW, true_HW = rng.random((2, 20, 24)) < 0.2
        tally.run("ours", odsf.Matching(true_HW, distance).count, mask_HW)
        limited.run(mask_HW, true_HW, distance)
    limited.end()
    if limit_s > 1:
        assert limited.matches == tally.matches["ours"]
        assert limited.figures(tally)["fewer_matches_than_ours_at_most"] == 0
    else:
        assert limited.figures(tally) == {"maps": 3, "over_the_limit": 3, "limit_s": limit_s}
