"""What rules on the Jacobian remember: of absent tasks, in few bits, of tiny gradients.

Legend: T tasks, P parameters.
"""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from mtl_ase.balance import GradDrop, MoCo
from tests.balance.every_rule import GRADIENT_RULES, build
from tests.balance.gramians import awkward, conflicting, unit

torchjd = pytest.importorskip("torchjd.aggregation")

RULES = ("db_mtl", "excess_mtl", "graddrop", "gradnorm", "moco")
SIZE = 12


def gradients(count: int, number: int) -> Tensor:
    return conflicting(count, number, size=SIZE)


def losses(count: int, number: int) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    return torch.rand(count, generator=generator, dtype=torch.float64) + 0.1


@pytest.mark.parametrize("leak", [0.0, 0.3])
def test_graddrop_agrees_with_torchjd(leak: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given the same draws; TorchJD draws from the global generator and has a leak per task."""
    other = torchjd.GradDrop(leak=torch.full((4,), leak, dtype=torch.float64))
    for number in range(5):
        rule = build("graddrop", 4, SIZE, leak=leak)
        assert isinstance(rule, GradDrop)
        drawn_P = torch.rand(SIZE, generator=copy.deepcopy(rule.randomness).generator())
        jacobian_TP = gradients(4, number)
        direction_P, weights_T = rule.combine(jacobian_TP.clone(), losses(4, 0), range(4))
        assert weights_T.tolist() == [1.0] * 4
        with monkeypatch.context() as patched:
            patched.setattr(torch, "rand", lambda *_, drawn_P=drawn_P, **__: drawn_P.double())
            torch.testing.assert_close(direction_P, other(jacobian_TP))


def test_excess_mtl_agrees_with_torchjd() -> None:
    """With a step of its warm-up, after which the first estimates divide; its weights have sum 1.

    Without one, TorchJD takes the first estimates themselves into the exponent, as official code.
    """
    rule = build("excess_mtl", 4, SIZE, lr=0.5).double()
    other = torchjd.ExcessMTLWeighting(robust_step_size=0.5, n_warmup_steps=1)
    for number in range(8):
        jacobian_TP = gradients(4, number)
        weights_T = rule.combine(jacobian_TP.clone(), losses(4, number), range(4)).weights_T
        torch.testing.assert_close(weights_T, 4 * other(jacobian_TP), rtol=1e-5, atol=0)
    assert weights_T.max() > 1.2 * weights_T.min()


def test_gradnorm_gives_tasks_of_one_rate_one_length() -> None:
    """Also with alpha 0 for tasks of different rates."""
    jacobian_TP = gradients(3, 0)
    falling_T = torch.tensor([1.0, 0.3, 0.1], dtype=torch.float64)
    for alpha, last_T in ((1.5, torch.ones(3, dtype=torch.float64)), (0.0, falling_T)):
        rule = build("gradnorm", 3, SIZE, alpha=alpha)
        rule.combine(jacobian_TP, torch.ones(3), range(3))
        for _ in range(400):
            weights_T = rule.combine(jacobian_TP, last_T, range(3)).weights_T
        lengths_T = weights_T * jacobian_TP.norm(dim=1)
        torch.testing.assert_close(lengths_T, lengths_T.mean().expand(3), rtol=0.1, atol=0)


def test_gradnorm_pulls_slow_tasks_forward() -> None:
    rule = build("gradnorm", 2, SIZE)
    jacobian_TP = nn.functional.normalize(gradients(2, 0))
    rule.combine(jacobian_TP, torch.tensor([8.0, 2.0]), range(2))
    for _ in range(20):
        weights_T = rule.combine(jacobian_TP, torch.tensor([4.0, 1.9]), range(2)).weights_T
    assert weights_T[1] > 1.2 * weights_T[0]


@pytest.mark.parametrize("name", RULES)
def test_absent_tasks_are_left_out(name: str) -> None:
    """The rule combines as one that has only the tasks that are present."""
    whole, smaller = build(name, 4, SIZE).double(), build(name, 2, SIZE).double()
    for number in range(4):
        jacobian_TP, losses_T = gradients(2, number), 20 * losses(2, number)
        expected = smaller.combine(jacobian_TP.clone(), losses_T, [0, 1])
        found = whole.combine(jacobian_TP.clone(), losses_T, [1, 3])
        torch.testing.assert_close(found.direction_P, expected.direction_P)
        torch.testing.assert_close(found.weights_T, expected.weights_T)


@pytest.mark.parametrize("name", ["excess_mtl", "gradnorm", "moco"])
def test_a_task_that_was_absent_for_long_counts_as_much_as_before(name: str) -> None:
    """The steps without it change the others' weights among themselves, and not against it."""
    rule = build(name, 3, SIZE)
    alike_TP = gradients(1, 0).expand(3, SIZE)
    for _ in range(10):
        before_T = rule.combine(alike_TP.clone(), torch.ones(3), range(3)).weights_T
    for _ in range(500):
        rule.combine(alike_TP[:2].clone(), torch.ones(2), [0, 2])
    after_T = rule.combine(alike_TP.clone(), torch.ones(3), range(3)).weights_T
    torch.testing.assert_close(after_T, before_T, rtol=0.05, atol=0)


def test_moco_takes_a_first_gradient_in_full_at_any_step() -> None:
    rule = build("moco", 2, SIZE)
    assert isinstance(rule, MoCo)
    for number in range(50):
        rule.combine(gradients(1, number).float(), torch.ones(1), [0])
    jacobian_TP = gradients(2, 0).float()
    rule.combine(jacobian_TP.clone(), torch.ones(2), [0, 1])
    torch.testing.assert_close(rule.y_TP[1], 0.5 * unit(jacobian_TP[1]).float())
    assert rule.steps_T.tolist() == [51, 1]
    assert rule.w_T.sum().item() == pytest.approx(1.0)


def test_a_lone_task_leaves_the_shares_as_they_are() -> None:
    for name, share in (("moco", "w_T"), ("excess_mtl", "log_w_T"), ("gradnorm", "z_T")):
        rule = build(name, 3, SIZE)
        for number in range(3):
            rule.combine(gradients(3, number), losses(3, number), range(3))
        before_T = getattr(rule, share).clone()
        assert before_T.unique().numel() == 3
        rule.combine(gradients(1, 0), losses(1, 3), [1])
        torch.testing.assert_close(getattr(rule, share), before_T)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("scale", [1e-30, 1e-24, 1e-12, 1.0, 1e15])
def test_nothing_is_infinite(name: str, scale: float) -> None:
    """Of gradients whose squares are 0 in 32 bits, too; in what is remembered as well."""
    for number in range(24):
        jacobian_TP = (awkward(number) * scale).float()
        count, size = jacobian_TP.shape
        rule = build(name, count, size)
        for _ in range(2):
            combined = rule.combine(jacobian_TP.clone(), torch.ones(count), range(count))
            assert combined.direction_P.isfinite().all(), number
            assert combined.weights_T.isfinite().all(), number
        assert all(value.isfinite().all() for value in rule.buffers())


def test_means_that_never_move_give_no_step() -> None:
    """Not NaN."""
    combined = build("db_mtl", 2, SIZE, beta=1.0).combine(gradients(2, 0), torch.ones(2), [0, 1])
    assert not combined.direction_P.any()
    assert combined.weights_T.isfinite().all()


def test_db_mtl_treats_tiny_gradients_as_others() -> None:
    """Only the ratio of their lengths to the longest matters, though squares are 0 in 32 bits."""
    jacobian_TP = gradients(2, 0).float()
    directions = []
    for scale in (1.0, 1e-25):
        scaled_TP = jacobian_TP * torch.tensor([[1.0], [scale]])
        directions.append(build("db_mtl", 2, SIZE).combine(scaled_TP, torch.ones(2), [0, 1])[0])
    ratio_T = jacobian_TP.norm(dim=1).max() / jacobian_TP.norm(dim=1)
    expected_P = unit(ratio_T @ jacobian_TP)
    torch.testing.assert_close(unit(directions[0]), expected_P, rtol=1e-4, atol=1e-5)
    expected_P = unit(nn.functional.normalize(jacobian_TP).sum(0))
    torch.testing.assert_close(unit(directions[1]), expected_P, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", GRADIENT_RULES)
def test_a_rule_in_a_module_of_few_bits_remembers_all_its_bits(name: str) -> None:
    """As `trainer.precision=bf16-true` casts a module, also one that is in use."""
    rule, other = build(name, 3, SIZE), build(name, 3, SIZE)
    for each in (rule, other):
        each.combine(gradients(3, 0).float(), losses(3, 0).float(), range(3))
    nn.ModuleList([rule]).bfloat16()
    for (key, value), expected in zip(rule.named_buffers(), other.buffers(), strict=True):
        assert value.dtype == expected.dtype, key
        assert torch.equal(value, expected), key
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        jacobian_TP, losses_T = gradients(3, 1).to(dtype), losses(3, 1).to(dtype)
        assert rule.combine(jacobian_TP, losses_T, range(3)).direction_P.dtype == dtype


@pytest.mark.parametrize("name", RULES)
def test_few_bits_of_gradients_change_little(name: str) -> None:
    """Of bfloat16: its rounding of the Jacobian and of the direction, and no more."""
    fine, coarse = build(name, 3, SIZE), build(name, 3, SIZE)
    for number in range(30):
        jacobian_TP, losses_T = gradients(3, number), losses(3, number)
        rounded_TP = jacobian_TP.bfloat16()
        expected_P = fine.combine(rounded_TP.double(), losses_T.float(), range(3)).direction_P
        found_P = coarse.combine(rounded_TP, losses_T.float(), range(3)).direction_P
        assert (unit(found_P) - unit(expected_P)).norm() < 0.02


@pytest.mark.parametrize("name", RULES)
def test_a_cast_to_more_bits_is_taken(name: str) -> None:
    rule = build(name, 2, SIZE).double()
    kinds = {value.dtype for value in rule.buffers()}
    assert kinds <= {torch.float64, torch.int64}
