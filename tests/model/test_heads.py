"""What every head keeps to. B images, D width, C channels, HW grid cells or pixels."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.model.decoders import SETRPUP, LightHead

D = 12
HEADS = {
    "setr_pup": (lambda channels: SETRPUP(D, channels, hidden=8), 16),
    "light": (lambda channels: LightHead(D, channels, hidden=6), 4),
    "light_flat": (lambda channels: LightHead(D, channels, hidden=6, unfold=1, depth=0), 1),
    "light_fine": (lambda channels: LightHead(D, channels, hidden=6, unfold=8, depth=1), 8),
}
every_head = pytest.mark.parametrize(("make", "factor"), HEADS.values(), ids=HEADS)


@every_head
@pytest.mark.parametrize("channels", [1, 21])
@pytest.mark.parametrize("grid", [(2, 2), (1, 3), (5, 4)])
def test_shapes(make, factor, channels, grid):
    logits_BCHW = make(channels)(torch.randn(2, D, *grid))
    assert logits_BCHW.shape == (2, channels, factor * grid[0], factor * grid[1])


@every_head
def test_every_parameter_learns(make, factor):
    head = make(3).eval()
    head(torch.randn(2, D, 3, 3)).square().sum().backward()
    assert all(parameter.grad.any() for parameter in head.parameters())


@every_head
def test_the_size_of_tokens_does_not_matter(make, factor):
    """Heads normalise the tokens first; the backbone's own last norm is left out."""
    head, map_BDHW = make(2).eval(), torch.randn(1, D, 3, 3)
    torch.testing.assert_close(head(map_BDHW), head(7 * map_BDHW), rtol=1e-3, atol=1e-4)


@every_head
def test_what_is_left_in_the_image_is_left_in_the_map(make, factor):
    """A change in the last column of a wide grid leaves the first columns' logits alone."""
    head, map_BDHW = make(1).eval(), torch.randn(1, D, 2, 12)
    other_BDHW = map_BDHW.clone()
    other_BDHW[..., -1] += 1 + torch.randn(D, 1)
    difference_HW = (head(other_BDHW) - head(map_BDHW))[0, 0].abs()
    assert not difference_HW[:, : 4 * factor].any()
    assert difference_HW[:, -factor:].any()
