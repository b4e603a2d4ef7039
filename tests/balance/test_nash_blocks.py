"""Nash-MTL block by block, against Nash-MTL of every block. T tasks, P parameters, N blocks."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.balance import NashBlocks, NashMTL
from tests.balance.gramians import awkward, conflicting, names, unit

SIZES = (7, 9, 30)


def rule_of(block_P: torch.Tensor, count: int) -> NashBlocks:
    rule = NashBlocks(names(count))
    rule.allocate(block_P)
    return rule


def interleaved(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A Jacobian of three blocks whose columns are mixed, and the blocks."""
    parts = [conflicting(count, number, size) for number, size in enumerate(SIZES)]
    block_P = torch.arange(len(SIZES)).repeat_interleave(torch.tensor(SIZES))
    order_P = torch.randperm(len(block_P), generator=torch.Generator().manual_seed(0))
    scale_P = 10.0 ** (block_P - 1)
    return (torch.cat(parts, 1) * scale_P)[:, order_P], block_P[order_P]


@pytest.mark.parametrize("count", [2, 3, 5, 7])
def test_a_block_is_nash_mtl_as_long_as_the_plain_sum(count: int) -> None:
    jacobian_TP = conflicting(count, size=20)
    losses_T, rows = torch.ones(count), range(count)
    expected = NashMTL(names(count)).combine(jacobian_TP, losses_T, rows)
    found = rule_of(torch.zeros(20, dtype=torch.int64), count).combine(jacobian_TP, losses_T, rows)
    torch.testing.assert_close(unit(found.direction_P), unit(expected.direction_P))
    torch.testing.assert_close(found.direction_P.norm(), jacobian_TP.sum(0).norm())
    torch.testing.assert_close(unit(found.weights_T), unit(expected.weights_T))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_blocks_bargain_by_themselves(count: int) -> None:
    """Every block's part is that of Nash-MTL on its columns, so no task loses in any."""
    jacobian_TP, block_P = interleaved(count)
    losses_T, rows = torch.ones(count), range(count)
    direction_P, weights_T = rule_of(block_P, count).combine(jacobian_TP, losses_T, rows)
    weighted_T, square_T = torch.zeros(count).double(), torch.zeros(count).double()
    for block in range(len(SIZES)):
        part_TP = jacobian_TP[:, block_P == block]
        alone = NashMTL(names(count)).combine(part_TP, losses_T, rows)
        expected_P = unit(alone.direction_P) * part_TP.sum(0).norm()
        torch.testing.assert_close(direction_P[block_P == block], expected_P)
        assert (part_TP @ expected_P > 0).all()
        scale = part_TP.sum(0).norm() / alone.direction_P.norm()
        weighted_T += scale * alone.weights_T * part_TP.square().sum(1)
        square_T += part_TP.square().sum(1)
    torch.testing.assert_close(weights_T, weighted_T / square_T)


def test_all_at_once_a_task_may_lose_in_a_block() -> None:
    """What the rule is for: here the first task gains most in the one, so it pays in the other."""
    jacobian_TP = torch.tensor([[5.0, 0.0, -1.0, 0.2], [0.1, 0.3, 3.0, 0.0]]).double()
    block_P, losses_T = torch.tensor([0, 0, 1, 1]), torch.ones(2)
    whole_P = NashMTL(names(2)).combine(jacobian_TP, losses_T, [0, 1]).direction_P
    by_block_P = rule_of(block_P, 2).combine(jacobian_TP, losses_T, [0, 1]).direction_P
    assert jacobian_TP[0, 2:] @ whole_P[2:] < 0
    assert jacobian_TP[0, 2:] @ by_block_P[2:] > 0


def test_another_block_changes_nothing() -> None:
    jacobian_TP, block_P = interleaved(3)
    rule, other_TP = rule_of(block_P, 3), jacobian_TP.clone()
    other_TP[:, block_P == 1] *= -torch.tensor([[2.0], [0.1], [5.0]]).double()
    one_P, two_P = (rule.combine(j, torch.ones(3), range(3))[0] for j in (jacobian_TP, other_TP))
    torch.testing.assert_close(one_P[block_P != 1], two_P[block_P != 1], rtol=1e-12, atol=0)
    assert not torch.allclose(one_P[block_P == 1], two_P[block_P == 1])


def test_a_task_without_a_gradient_in_a_block_is_left_out_of_it() -> None:
    """As if it were absent; a block in which no task has one stays."""
    jacobian_TP, block_P = interleaved(3)
    jacobian_TP[1, block_P == 0] = 0
    jacobian_TP[:, block_P == 2] = 0
    rule = rule_of(block_P, 3)
    direction_P = rule.combine(jacobian_TP, torch.ones(3), range(3)).direction_P
    two_P = rule.combine(jacobian_TP[[0, 2]], torch.ones(2), [0, 2]).direction_P
    torch.testing.assert_close(direction_P[block_P == 0], two_P[block_P == 0])
    assert not torch.allclose(direction_P[block_P == 1], two_P[block_P == 1])
    assert not direction_P[block_P == 2].any()


def test_gramians_are_those_of_the_columns() -> None:
    jacobian_TP, block_P = interleaved(4)
    found = rule_of(block_P, 4).gramians(jacobian_TP)
    for block, gramian_TS in enumerate(found):
        part_TP = jacobian_TP[:, block_P == block]
        torch.testing.assert_close(gramian_TS, part_TP @ part_TP.mT)


def test_one_task_keeps_its_gradient() -> None:
    jacobian_TP, block_P = interleaved(1)
    direction_P, weights_T = rule_of(block_P, 1).combine(jacobian_TP, torch.ones(1), [0])
    torch.testing.assert_close(direction_P, jacobian_TP[0])
    assert weights_T.tolist() == pytest.approx([1])


def test_awkward_gradients_give_no_infinite_weight_and_no_longer_step() -> None:
    """Nearly equal, opposite, of any scale: no block's part is longer than its plain sum."""
    for number in range(200):
        jacobian_TP = awkward(number)
        count, size = jacobian_TP.shape
        rule = rule_of(torch.zeros(size, dtype=torch.int64), count)
        direction_P, weights_T = rule.combine(jacobian_TP, torch.ones(count), range(count))
        assert weights_T.isfinite().all(), number
        length = jacobian_TP.sum(0).norm() + 1e-6 * jacobian_TP.norm()
        assert direction_P.norm() <= 1.001 * length, number


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_other_precisions(dtype: torch.dtype) -> None:
    jacobian_TP, block_P = interleaved(3)
    rule, jacobian_TP = rule_of(block_P, 3), jacobian_TP.to(dtype)
    direction_P = rule.combine(jacobian_TP, torch.ones(3), range(3)).direction_P
    assert direction_P.dtype == dtype
    exact_P = rule.combine(jacobian_TP.double(), torch.ones(3), range(3)).direction_P
    near = 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(direction_P.double(), exact_P, rtol=near, atol=near)


def test_blocks_are_in_no_checkpoint() -> None:
    """They follow from the network; without a state there is nothing to resume."""
    assert not rule_of(torch.arange(6) % 2, 2).state_dict()
