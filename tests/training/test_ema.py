"""Moving averages: what is left of the first weights, with and without the ramp."""

from __future__ import annotations

import lightning.pytorch as pl
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mtl_ase.base.errors import UserError
from mtl_ase.training import EMA


class Weights(pl.LightningModule):
    """Three numbers and a count."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((3,), value))
        self.frozen = torch.nn.Parameter(torch.tensor([0.1, 1 / 3]), requires_grad=False)
        self.register_buffer("count", torch.tensor(7))


def set_up(ema: EMA, module: Weights) -> AveragedModel:
    ema.setup(None, module, "fit")  # type: ignore[arg-type]
    assert ema._average_model is not None
    return ema._average_model


def after(ema: EMA, steps: int) -> AveragedModel:
    """The average when weights are 1 after the first step and 0 after all others."""
    module = Weights(1.0)
    averaged = set_up(ema, module)
    averaged.update_parameters(module)
    torch.nn.init.zeros_(module.weight)
    for _ in range(steps - 1):
        averaged.update_parameters(module)
    return averaged


def by_the_book(decay: float, steps: int) -> float:
    """The share of the first weights: the product of min(decay, (1 + t) / (10 + t))."""
    share = 1.0
    for update in range(1, steps):
        share *= min(decay, (1 + update) / (10 + update))
    return share


@pytest.mark.parametrize(("decay", "steps"), [(0.999, 2), (0.999, 40), (0.9, 100), (0.5, 20)])
def test_decay_rises_to_its_full_value(decay: float, steps: int) -> None:
    weight = after(EMA(decay), steps).module.weight
    assert weight.tolist() == pytest.approx([by_the_book(decay, steps)] * 3, rel=1e-5)


def test_little_is_left_of_the_first_weights() -> None:
    """After 950 steps 39 % without the ramp, nothing with it."""
    assert after(EMA(0.999, ramp=False), 950).module.weight[0].item() == pytest.approx(
        0.387, abs=1e-3
    )
    assert after(EMA(0.999), 950).module.weight[0].item() < 1e-15


def test_without_the_ramp_it_is_torch_s_own() -> None:
    ema, module = EMA(0.97, ramp=False), Weights(1.0)
    averaged = set_up(ema, module)
    expected = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.97), use_buffers=True)
    for step in range(5):
        torch.nn.init.constant_(module.weight, step / 3)
        averaged.update_parameters(module)
        expected.update_parameters(module)
    for name, value in expected.state_dict().items():
        assert torch.equal(averaged.state_dict()[name], value), name


@pytest.mark.parametrize("ramp", [True, False])
def test_what_does_not_change_stays_bit_for_bit(ramp: bool) -> None:
    averaged = after(EMA(0.999, ramp), 30)
    assert torch.equal(averaged.module.frozen, Weights(0.0).frozen)
    assert averaged.module.count == 7


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"latest_update_step": 3}, False),
        ({"latest_update_step": 3, "ramp": True}, True),
        ({"latest_update_step": 3, "ramp": False}, False),
    ],
)
@pytest.mark.parametrize("ramp", [True, False])
def test_a_resumed_run_averages_as_it_began(state: dict, expected: bool, ramp: bool) -> None:
    """Checkpoints of older runs do not say; these had no ramp."""
    ema = EMA(0.999, ramp)
    ema.load_state_dict(state)
    assert ema.state_dict() == {"latest_update_step": 3, "ramp": expected}
    share = after(ema, 40).module.weight[0].item()
    assert share == pytest.approx(by_the_book(0.999, 40) if expected else 0.999**39, rel=1e-4)


@pytest.mark.parametrize("decay", [-0.1, 1.1])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(UserError, match="is not between 0 and 1"):
        EMA(decay)
