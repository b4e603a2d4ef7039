"""Muon in the precision of the training."""

from __future__ import annotations

import pytest
import timm.optim
import torch
from timm.optim import muon as timm_muon
from torch import Tensor, nn

from mtl_ase.training import Muon
from tests.conftest import Compose

RATES = {"lr": 0.01, "weight_decay": 0.1, "nesterov": True, "fallback_lr_scale": 0.2}


def after_two_steps(made: type[torch.optim.Optimizer], **arguments: object) -> list[Tensor]:
    """A matrix, a filter bank and a bias after two steps."""
    generator = torch.Generator().manual_seed(0)
    shapes = ((12, 20), (8, 4, 3, 3), (7,))
    parameters = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    optimizer = made(parameters, **RATES, **arguments)  # type: ignore[arg-type]
    for _ in range(2):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def test_in_bfloat16_it_is_timm_s() -> None:
    ours, timms = after_two_steps(Muon, precision="bf16-mixed"), after_two_steps(timm.optim.Muon)
    for one, other in zip(ours, timms, strict=True):
        assert torch.equal(one, other)


def test_in_32_bits_it_differs_by_the_rounding_of_bfloat16() -> None:
    ours, timms = after_two_steps(Muon), after_two_steps(timm.optim.Muon)
    for one, other in zip(ours[:2], timms[:2], strict=True):
        assert not torch.equal(one, other)
        torch.testing.assert_close(one, other, rtol=0, atol=3e-4)
    assert torch.equal(ours[2], timms[2])  # what is no matrix


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_it_follows_the_trainer(composed: Compose, precision: str, dtype: torch.dtype) -> None:
    node = composed("experiment=demo", f"trainer.precision={precision}").training.optimizer
    assert (node["_target_"], node.precision) == ("mtl_ase.training.Muon", precision)
    assert Muon([nn.Parameter(torch.zeros(2, 2))], lr=1.0, precision=node.precision).dtype == dtype


def test_timm_stays_as_it_is_even_after_an_error() -> None:
    before = timm_muon.zeropower_via_newtonschulz
    optimizer = Muon([nn.Parameter(torch.zeros(2, 2))], lr=1.0)

    def fail() -> float:
        raise RuntimeError("the loss")

    with pytest.raises(RuntimeError, match="the loss"):
        optimizer.step(fail)
    assert timm_muon.zeropower_via_newtonschulz is before
