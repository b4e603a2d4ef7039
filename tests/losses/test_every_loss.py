"""What every task loss keeps to, over random shapes. B images, C channels, H W pixels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from mtl_ase.losses import BalancedBCE, CrossEntropy, MaskedL1, UnitL1

LOSSES = {
    "cross_entropy": (CrossEntropy(), "classes"),
    "balanced_bce": (BalancedBCE(pos_weight=0.95), "mask"),
    "batch_balanced_bce": (BalancedBCE(pos_weight=None), "mask"),
    "unit_l1": (UnitL1(), "vectors"),
    "masked_l1": (MaskedL1(), "metres"),
}
CHANNELS = {"classes": 5, "mask": 1, "vectors": 3, "metres": 1}
IGNORED = {"classes": 255, "mask": 255, "vectors": 0, "metres": 0}
"""Value of label pixels that do not count, by kind of label."""
every_loss = pytest.mark.parametrize(("loss", "kind"), LOSSES.values(), ids=LOSSES.keys())
shapes = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6))


def make_label(kind: str, shape: tuple[int, int, int], seed: int, ignored: float) -> Tensor:
    """A random label with about this share of ignored pixels (exactly all for 1, none for 0)."""
    generator = torch.Generator().manual_seed(seed)
    ignored_BHW = torch.rand(shape, generator=generator) < ignored
    if kind == "vectors":
        normals_BHWC = nn.functional.normalize(torch.randn(*shape, 3, generator=generator), dim=-1)
        return normals_BHWC.masked_fill(ignored_BHW[..., None], 0.0).movedim(-1, 1)
    if kind == "metres":
        return (0.1 + 10 * torch.rand(shape, generator=generator)).masked_fill(ignored_BHW, 0.0)
    count = max(CHANNELS[kind], 2)
    classes = torch.randint(0, count, shape, generator=generator, dtype=torch.uint8)
    return classes.masked_fill(ignored_BHW, 255)


def make_logits(kind: str, shape: tuple[int, int, int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 1)
    B, H, W = shape
    return torch.randn(B, CHANNELS[kind], H, W, generator=generator).requires_grad_()


@every_loss
@settings(max_examples=25, deadline=None)
@given(shape=shapes, seed=st.integers(0, 1000))
def test_nothing_labelled_costs_exactly_zero(loss, kind, shape, seed):
    logits = make_logits(kind, shape, seed)
    cost = loss(logits, make_label(kind, shape, seed, ignored=1.0))
    cost.backward()
    assert cost.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@every_loss
@settings(max_examples=25, deadline=None)
@given(shape=shapes, seed=st.integers(0, 1000), scale=st.sampled_from([0.0, 1e-30, 1.0, 1e4]))
def test_cost_and_gradient_are_finite(loss, kind, shape, seed, scale):
    logits = (make_logits(kind, shape, seed) * scale).detach().requires_grad_()
    cost = loss(logits, make_label(kind, shape, seed, ignored=0.3))
    cost.backward()
    assert cost.shape == ()
    assert cost >= 0
    assert logits.grad.isfinite().all()


@every_loss
def test_ignored_pixels_get_no_gradient_and_change_nothing(loss, kind):
    shape = (2, 7, 5)
    label = make_label(kind, shape, seed=3, ignored=0.4)
    ignored_BHW = label == IGNORED[kind]
    ignored_BHW = ignored_BHW.all(dim=1) if kind == "vectors" else ignored_BHW
    logits = make_logits(kind, shape, seed=3)
    cost = loss(logits, label)
    cost.backward()
    assert torch.equal(logits.grad.abs().sum(dim=1) == 0, ignored_BHW)
    nudged = logits.detach() + 5 * ignored_BHW[:, None]
    assert torch.equal(loss(nudged, label), cost)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_scored_in_float32(loss, kind, dtype):
    logits = make_logits(kind, (2, 8, 8), seed=1).detach().to(dtype)
    label = make_label(kind, (2, 8, 8), seed=1, ignored=0.2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cost = loss(logits, label)
    assert cost.dtype == torch.float32
    assert torch.equal(cost, loss(logits.float(), label))


@every_loss
def test_label_type_does_not_matter(loss, kind):
    logits = make_logits(kind, (2, 4, 4), seed=2)
    label = make_label(kind, (2, 4, 4), seed=2, ignored=0.2)
    wide = label.double() if label.is_floating_point() else label.long()
    assert torch.equal(loss(logits, label), loss(logits, wide))


@every_loss
def test_runs_without_data(loss, kind):
    """No data-dependent control flow: the loss of tensors without values can be traced."""
    with FakeTensorMode():
        logits = torch.empty(2, CHANNELS[kind], 8, 8, requires_grad=True)
        shape = (2, 3, 8, 8) if kind == "vectors" else (2, 8, 8)
        label = torch.empty(shape, dtype=torch.uint8 if IGNORED[kind] else torch.float32)
        cost = loss(logits, label)
        cost.backward()
    assert cost.shape == ()
    assert logits.grad.shape == logits.shape
