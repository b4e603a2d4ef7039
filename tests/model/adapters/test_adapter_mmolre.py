"""Shared and private low-rank experts. T tasks, B images, L tokens, D width in, O width out."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d

from mtl_ase.base.errors import UserError
from mtl_ase.config.value_types import check_value, hints_of
from mtl_ase.model.adapters import MMoLRE
from tests.model.adapters.oracles import mmolre as oracle
from tests.model.adapters.sites import make_site

T, B, D, N, RANK = 3, 2, 8, 2, 3
GRID_HW = (4, 3)


def make(kernel=1, num_prefix=1):
    site = make_site(grid_hw=GRID_HW, num_prefix=num_prefix)
    adapter = MMoLRE(site, N, RANK, spatial_kernel=kernel).double().eval()
    for value in (adapter.up_OP, adapter.private_up_TOJ, adapter.router_TED):
        torch.nn.init.normal_(value)
    return adapter


def draw(num_prefix=1):
    return torch.randn(T, B, num_prefix + 12, D, dtype=torch.float64)


@pytest.mark.parametrize("num_prefix", [0, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_it_equals_its_loops_with_gradients(kernel, num_prefix):
    adapter, x_TBLD = make(kernel, num_prefix), draw(num_prefix)
    updates = adapter(x_TBLD)[0], oracle.update(adapter, x_TBLD)
    torch.testing.assert_close(*updates)
    direction = torch.randn_like(updates[0])
    gradients = [
        torch.autograd.grad((update * direction).sum(), list(adapter.parameters()))
        for update in updates
    ]
    torch.testing.assert_close(*gradients)


def test_the_router_s_weights_sum_to_one_over_all_experts():
    _, routing = make()(draw())
    assert routing.gate_TBLE.shape[-1] == N + 1
    sums_TBL = routing.gate_TBLE.sum(-1)
    torch.testing.assert_close(sums_TBL, torch.ones_like(sums_TBL))


def test_the_taps_are_a_convolution_with_the_kernel_turned_round():
    adapter, x_TBLD = make(kernel=3), draw()
    with torch.no_grad():
        adapter.router_TED[:, 0] = 0
        adapter.router_TED[:, 1:] = 0
        adapter.up_OP.zero_()
    update_TBLO, _ = adapter(x_TBLD)
    for t in range(T):
        x_BDHW = x_TBLD[t, :, 1:].mT.unflatten(-1, GRID_HW)
        kernel_RDHW = adapter.private_down_TKD[t].unflatten(0, (RANK, 3, 3)).permute(0, 3, 1, 2)
        z_BRHW = conv2d(x_BDHW, kernel_RDHW.flip(2, 3), padding=1)
        expected_BLO = z_BRHW.flatten(2).mT @ adapter.private_up_TOJ[t].mT
        torch.testing.assert_close(update_TBLO[t, :, 1:], adapter.scale * expected_BLO / (N + 1))


@pytest.mark.parametrize("kernel", [1, 3])
def test_only_a_kernel_lets_tokens_see_their_neighbours_and_no_others(kernel):
    adapter, x_TBLD = make(kernel), draw()
    changed_TBLD = x_TBLD.clone()
    changed_TBLD[:, :, 1] += 1  # the corner of the grid
    differs_L = (adapter(changed_TBLD)[0] != adapter(x_TBLD)[0]).any(-1).all(0).all(0)
    seen = [1] if kernel == 1 else [1, 2, 4, 5]
    assert differs_L.nonzero().flatten().tolist() == seen
    assert adapter.mixes_tokens == (kernel > 1)


def test_the_first_ranks_have_the_same_size_with_and_without_kernel():
    torch.manual_seed(0)
    site = make_site(width_in=64, grid_hw=(8, 8), num_prefix=0)
    x_TBLD = torch.randn(T, B, 64, 64)
    sizes = []
    for kernel in (1, 3):
        adapter = MMoLRE(site, 16, 8, spatial_kernel=kernel)
        torch.nn.init.ones_(adapter.up_OP)
        sizes.append(adapter(x_TBLD)[0].std().item())
    assert sizes[1] == pytest.approx(sizes[0], rel=0.25)


@pytest.mark.parametrize("kernel", [2, 4])
def test_a_kernel_without_middle_is_refused(kernel):
    hint = hints_of(MMoLRE)["spatial_kernel"]
    with pytest.raises(UserError, match=rf"={kernel} does not fit; it takes 1 or 3 or 5"):
        check_value(hint, kernel, "model.adapter.spatial_kernel")
