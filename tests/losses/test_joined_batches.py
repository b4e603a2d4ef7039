"""What losses are normalised by adds up: parts of a batch, counted together, are the batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mtl_ase.losses import BalancedBCE, CountedLoss, CrossEntropy, MaskedL1, UnitL1

LOSSES = {
    "cross_entropy": (CrossEntropy(), 5),
    "balanced_bce": (BalancedBCE(pos_weight=0.95), 1),
    "batch_balanced_bce": (BalancedBCE(pos_weight=None), 1),
    "unit_l1": (UnitL1(), 3),
    "masked_l1": (MaskedL1(), 1),
}
every_loss = pytest.mark.parametrize(("loss", "channels"), LOSSES.values(), ids=LOSSES.keys())


def made(loss: CountedLoss, channels: int, seed: int) -> tuple[Tensor, Tensor]:
    """Logits and label in 64 bits of six images, ever less of which is labelled; of two, none."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, channels, 4, 5, generator=generator, dtype=torch.float64)
    share_B11 = torch.tensor([1.0, 0.9, 0.4, 0.1, 0.0, 0.0])[:, None, None]
    labelled_BHW = torch.rand(6, 4, 5, generator=generator) < share_B11
    if isinstance(loss, UnitL1):
        label = torch.randn(6, 3, 4, 5, generator=generator, dtype=torch.float64)
        return logits, torch.nn.functional.normalize(label) * labelled_BHW[:, None]
    if isinstance(loss, MaskedL1):
        return logits, torch.rand(6, 4, 5, generator=generator).double() * labelled_BHW
    label = torch.randint(max(channels, 2), (6, 4, 5), generator=generator)
    return logits, label.masked_fill(~labelled_BHW, 255)


@every_loss
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), sizes=st.sampled_from([(3, 3), (1, 5), (4, 2), (2, 2, 2)]))
def test_parts_counted_together_are_the_whole(loss, channels, seed, sizes):
    logits, label = made(loss, channels, seed)
    logits.requires_grad_()
    whole = loss(logits, label)
    (expected,) = torch.autograd.grad(whole, logits)
    counts = torch.stack([loss.counts(part) for part in label.split(sizes)]).sum(0)
    parts = zip(logits.split(sizes), label.split(sizes), strict=True)
    total = torch.stack([loss(*part, counts) for part in parts]).sum()
    torch.testing.assert_close(total, whole, rtol=1e-12, atol=1e-15)
    (found,) = torch.autograd.grad(total, logits)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_own_counts_change_no_bit(loss, channels, dtype):
    logits, label = made(loss, channels, seed=1)
    logits = logits.to(dtype)
    counts = loss.counts(label)
    assert counts.dtype == torch.int64
    assert counts.ndim == 1
    assert torch.equal(loss(logits, label, counts), loss(logits, label))


@every_loss
def test_what_is_not_labelled_is_not_counted(loss, channels):
    _, label = made(loss, channels, seed=2)
    assert (loss.counts(label[4:]) == 0).all()
    assert (loss.counts(label[:1]) > 0).all()
    assert torch.equal(loss.counts(label), loss.counts(label[:4]))


@every_loss
def test_joined_labels_that_are_not_here_cost_nothing(loss, channels):
    logits, label = made(loss, channels, seed=3)
    assert loss(logits[4:], label[4:], loss.counts(label)).item() == 0
