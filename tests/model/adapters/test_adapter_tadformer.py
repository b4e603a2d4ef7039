"""Dynamic task filters. T tasks, B images, L tokens, D width in, R ranks, K taps."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from mtl_ase.model.adapters import TADFormer
from tests.model.adapters.oracles import tadformer as oracle
from tests.model.adapters.sites import make_site

T, B, D, RANK = 3, 2, 8, 4
GRID_HW = (4, 3)


def make(num_prefix=1, **site):
    adapter = TADFormer(make_site(grid_hw=GRID_HW, num_prefix=num_prefix, **site), RANK, 4.0)
    torch.nn.init.normal_(adapter.up_OP)
    return adapter.double().eval()


def draw(num_prefix=1):
    return torch.randn(T, B, num_prefix + 12, D, dtype=torch.float64)


def with_filter(adapter, taps_K):
    """The same constant filter for every rank, image and task."""
    with torch.no_grad():
        adapter.std_RK.zero_()
        adapter.mean_RK.copy_(torch.tensor(taps_K))
    return adapter


def lora(adapter, x_TBLD):
    return adapter.scale * linear(linear(x_TBLD, adapter.down_RD), adapter.up_OP)


@pytest.mark.parametrize("num_prefix", [0, 2])
def test_it_equals_its_loops(num_prefix):
    adapter, x_TBLD = make(num_prefix), draw(num_prefix)
    torch.testing.assert_close(adapter(x_TBLD)[0], oracle.update(adapter, x_TBLD))


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_a_filter_of_its_middle_alone_is_lora_times_that(factor):
    adapter, x_TBLD = make(num_prefix=0), draw(num_prefix=0)
    with_filter(adapter, [0.0] * 4 + [factor] + [0.0] * 4)
    torch.testing.assert_close(adapter(x_TBLD)[0], factor * lora(adapter, x_TBLD))


def test_a_filter_of_its_left_tap_moves_the_grid_to_the_right():
    adapter, x_TBLD = make(), draw()
    with_filter(adapter, [0.0] * 3 + [1.0] + [0.0] * 5)
    grid_TBHWO = lora(adapter, x_TBLD)[:, :, 1:].unflatten(2, GRID_HW)
    moved_TBHWO = adapter(x_TBLD)[0][:, :, 1:].unflatten(2, GRID_HW)
    torch.testing.assert_close(moved_TBHWO[..., 1:, :], grid_TBHWO[..., :-1, :])
    assert not moved_TBHWO[..., 0, :].any()


def test_prefix_tokens_skip_the_filter_and_don_t_decide_it():
    adapter, x_TBLD = make(num_prefix=2), draw(num_prefix=2)
    update_TBLO, _ = adapter(x_TBLD)
    torch.testing.assert_close(update_TBLO[:, :, :2], lora(adapter, x_TBLD)[:, :, :2])
    x_TBLD[:, :, :2] += 1
    torch.testing.assert_close(adapter(x_TBLD)[0][:, :, 2:], update_TBLO[:, :, 2:])


def test_every_filter_has_mean_zero_and_deviation_one_before_scale_and_shift():
    adapter = make()
    with torch.no_grad():
        adapter.std_RK.fill_(1)
        adapter.mean_RK.zero_()
    filters_TBRK = adapter.filters(torch.randn(T, B, 12, RANK, dtype=torch.float64))
    assert filters_TBRK.shape == (T, B, RANK, 9)
    zeros_TBR = torch.zeros(T, B, RANK, dtype=torch.float64)
    torch.testing.assert_close(filters_TBRK.mean(-1), zeros_TBR)
    torch.testing.assert_close(filters_TBRK.std(-1), zeros_TBR + 1)


def test_filters_differ_between_images_and_between_tasks_with_the_same_input():
    patches_TBLR = torch.randn(1, B, 12, RANK, dtype=torch.float64).expand(T, B, 12, RANK)
    filters_TBRK = make().filters(patches_TBLR)
    assert not torch.allclose(filters_TBRK[:, 0], filters_TBRK[:, 1])
    assert not torch.allclose(filters_TBRK[0], filters_TBRK[1])


def test_only_the_last_block_of_a_stage_has_filters():
    assert [n for n in range(12) if make(layer=n, num_layers=12).mixes_tokens] == [2, 5, 8, 11]


def test_the_other_blocks_are_plain_lora_for_all_tasks():
    adapter, x_TBLD = make(layer=0, num_layers=12), draw()
    assert [name for name, _ in adapter.named_parameters()] == ["down_RD", "up_OP"]
    assert not adapter.knows_tasks
    torch.testing.assert_close(adapter(x_TBLD[:1])[0], lora(adapter, x_TBLD[:1]))


def test_what_shapes_the_filters_is_an_embedding():
    adapter = make()
    names = {
        name for name, p in adapter.named_parameters() if any(p is e for e in adapter.embeddings())
    }
    assert names == {"task_TS", "std_RK", "mean_RK"}
