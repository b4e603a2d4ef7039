"""PCGrad, Gradient Vaccine and UPGrad: gradients without their conflicts, written on vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from scipy.optimize import nnls
from torch import Tensor

from mtl_ase.balance import GradVac, PCGrad, UPGrad
from mtl_ase.balance.pcgrad import random_others
from mtl_ase.balance.shared_randomness import SharedRandomness
from tests.balance.gramians import awkward, conflicting, gram, names

SEED = 5


def directions(rule: PCGrad | GradVac | UPGrad, jacobians: list[Tensor]) -> list[Tensor]:
    """Of one step after the other."""
    results = []
    for jacobian_TP in jacobians:
        losses_T = torch.ones(len(jacobian_TP))
        results.append(rule.combine(jacobian_TP.clone(), losses_T, range(len(jacobian_TP)))[0])
    return results


def orders_of(randomness: SharedRandomness, count: int) -> list[list[int]]:
    """The order of the others for each task in the next step."""
    columns = random_others(count, randomness.generator())
    return torch.stack(list(columns), 1).tolist() if columns else [[]]


def slow_pcgrad(jacobian_TP: Tensor, orders: list[list[int]]) -> Tensor:
    total_P = torch.zeros_like(jacobian_TP[0])
    for task, order in enumerate(orders):
        changed_P = jacobian_TP[task].clone()
        for other in order:
            product = changed_P @ jacobian_TP[other]
            if product < 0:
                changed_P -= product / jacobian_TP[other].square().sum() * jacobian_TP[other]
        total_P += changed_P
    return total_P


def slow_gradvac(
    jacobian_TP: Tensor, orders: list[list[int]], targets_TS: Tensor, beta: float
) -> Tensor:
    """Also moves the targets."""
    total_P = torch.zeros_like(jacobian_TP[0])
    for task, order in enumerate(orders):
        changed_P = jacobian_TP[task].clone()
        for other in order:
            theirs_P, target = jacobian_TP[other], targets_TS[task, other].clone()
            cos = changed_P @ theirs_P / (changed_P.norm() * theirs_P.norm())
            if cos < target:
                sin, sin_target = (1 - cos**2).sqrt(), (1 - target**2).sqrt()
                factor = changed_P.norm() * (target * sin - cos * sin_target)
                changed_P = changed_P + factor / (theirs_P.norm() * sin_target) * theirs_P
            targets_TS[task, other] = (1 - beta) * target + beta * cos
        total_P += changed_P
    return total_P


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_pcgrad_is_its_projections_one_after_the_other(count: int) -> None:
    jacobians = [conflicting(count, number) for number in range(6)]
    randomness = SharedRandomness(SEED)
    for jacobian_TP, mine_P in zip(
        jacobians, directions(PCGrad(names(count), seed=SEED), jacobians), strict=True
    ):
        expected_P = slow_pcgrad(jacobian_TP, orders_of(randomness, count))
        torch.testing.assert_close(mine_P, expected_P)
        assert (mine_P - jacobian_TP.sum(0)).norm() > 0.1


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_gradvac_turns_one_gradient_after_the_other(count: int) -> None:
    """Over several steps, so that the targets matter; they are kept in 32 bits."""
    jacobians = [conflicting(count, number) for number in range(8)]
    rule, randomness = GradVac(names(count), beta=0.3, seed=SEED), SharedRandomness(SEED)
    targets_TS = torch.zeros(count, count, dtype=torch.float64)
    for jacobian_TP, mine_P in zip(jacobians, directions(rule, jacobians), strict=True):
        orders = orders_of(randomness, count)
        expected_P = slow_gradvac(jacobian_TP, orders, targets_TS, beta=0.3)
        torch.testing.assert_close(mine_P, expected_P, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(rule.targets_TS.double(), targets_TS, rtol=1e-5, atol=1e-6)
    assert targets_TS.abs().max() > 0.1


def replay(orders: list[list[int]], rank_others: bool) -> Callable[[int], Tensor]:
    """A `torch.randperm` that gives our orders to TorchJD, task by task."""
    tasks = iter(enumerate(orders))

    def randperm(count: int) -> Tensor:
        task, order = next(tasks)
        if rank_others:  # GradVac permutes the places among the others
            return torch.tensor([other - (other > task) for other in order])
        return torch.tensor([*order, task])

    return randperm


def test_pcgrad_agrees_with_torchjd(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = pytest.importorskip("torchjd.aggregation").PCGradWeighting()
    rule, randomness = PCGrad(names(5), seed=SEED), SharedRandomness(SEED)
    for number in range(5):
        gramian_TS = gram(conflicting(5, number))
        monkeypatch.setattr(torch, "randperm", replay(orders_of(randomness, 5), False))
        expected_T = reference(gramian_TS)
        mine_T = rule.weigh(gramian_TS, torch.ones(5), range(5))
        torch.testing.assert_close(mine_T, expected_T)


def test_gradvac_agrees_with_torchjd(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = pytest.importorskip("torchjd.aggregation").GradVacWeighting(beta=0.2)
    rule, randomness = GradVac(names(5), beta=0.2, seed=SEED), SharedRandomness(SEED)
    for number in range(8):
        gramian_TS = gram(conflicting(5, number))
        monkeypatch.setattr(torch, "randperm", replay(orders_of(randomness, 5), True))
        expected_T = reference(gramian_TS)
        mine_T = rule.weigh(gramian_TS, torch.ones(5), range(5))
        torch.testing.assert_close(mine_T, expected_T, rtol=1e-5, atol=1e-5)


def test_every_order_is_as_likely() -> None:
    generator = torch.Generator().manual_seed(0)
    seen: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(4)]
    for _ in range(1200):
        for task, order in enumerate(torch.stack(list(random_others(4, generator)), 1).tolist()):
            seen[task][tuple(order)] += 1
    for task, counter in enumerate(seen):
        others = sorted({0, 1, 2, 3} - {task})
        assert len(counter) == 6
        assert all(sorted(order) == others for order in counter)
        assert min(counter.values()) > 150
        assert max(counter.values()) < 250


def test_gradvac_reaches_its_target() -> None:
    """Two gradients at right angles, and a target of 0.5: each is turned until the cosine is."""
    rule = GradVac(names(2))
    rule.targets_TS += 0.5
    weights_T = rule.weigh(torch.diag(torch.tensor([1.0, 4.0]).double()), torch.ones(2), [0, 1])
    first, second = 1 + 2 / 3**0.5, 1 + 0.5 / 3**0.5  # g_1 + (tan 30) |g_1| / |g_2| g_2, ...
    assert weights_T.tolist() == pytest.approx([first, second], rel=1e-6)
    assert rule.targets_TS[0, 1].item() == pytest.approx(0.5 * 0.99)


def test_gradvac_leaves_absent_tasks_out() -> None:
    """Their targets stay, and those of the others move as if there were no absent one."""
    both, alone = GradVac(names(3), beta=0.5), GradVac(names(2), beta=0.5)
    both.targets_TS.copy_(torch.arange(9.0).view(3, 3) / 20)
    alone.targets_TS.copy_(both.targets_TS[[0, 2]][:, [0, 2]])
    before_TS, gramian_TS = both.targets_TS.clone(), gram(conflicting(2))
    losses_T = torch.ones(2)
    torch.testing.assert_close(
        both.weigh(gramian_TS, losses_T, [0, 2]), alone.weigh(gramian_TS, losses_T, [0, 1])
    )
    torch.testing.assert_close(both.targets_TS[[0, 2]][:, [0, 2]], alone.targets_TS)
    assert both.targets_TS[1].equal(before_TS[1])
    assert both.targets_TS[:, 1].equal(before_TS[:, 1])
    assert not both.targets_TS.equal(before_TS)


@pytest.mark.parametrize("make", [PCGrad, GradVac])
def test_it_goes_on_after_a_resume_as_without(make: type[PCGrad | GradVac]) -> None:
    jacobians = [conflicting(4, number) for number in range(6)]
    whole, first, second = (make(names(4), seed=SEED) for _ in range(3))
    expected = directions(whole, jacobians)
    begun = directions(first, jacobians[:3])
    second.load_state_dict(first.state_dict())
    resumed = directions(second, jacobians[3:])
    assert all(map(torch.equal, [*begun, *resumed], expected))
    from_the_start = directions(make(names(4), seed=SEED), jacobians[3:])
    assert not all(map(torch.equal, from_the_start, expected[3:]))


def project_on_dual_cone(gradient_P: Tensor, jacobian_TP: Tensor) -> Tensor:
    """The sum g + J^T x with the shortest length over x >= 0, by another solver."""
    x, _ = nnls(jacobian_TP.mT.numpy(), -gradient_P.numpy())
    return gradient_P + torch.tensor(x) @ jacobian_TP


def test_upgrad_is_the_mean_of_the_projections() -> None:
    for number in range(60):
        jacobian_TP = conflicting(2 + number % 6, number)
        projections = [project_on_dual_cone(g_P, jacobian_TP) for g_P in jacobian_TP]
        (mine_P,) = directions(UPGrad(names(len(jacobian_TP))), [jacobian_TP])
        torch.testing.assert_close(mine_P, torch.stack(projections).mean(0), rtol=1e-7, atol=1e-9)


def test_upgrad_conflicts_with_no_gradient() -> None:
    """Also not with awkward ones, but for the ridge."""
    for number in range(600):
        jacobian_TP = awkward(number)
        (mine_P,) = directions(UPGrad(names(len(jacobian_TP))), [jacobian_TP])
        gains_T = jacobian_TP @ mine_P / jacobian_TP.norm(dim=1)
        assert (gains_T / jacobian_TP.norm(dim=1).max()).min() > -1e-3, number


def test_upgrad_agrees_with_torchjd() -> None:
    """With all their ridge taken away; TorchJD needs quadprog for this."""
    pytest.importorskip("quadprog")
    aggregation = pytest.importorskip("torchjd.aggregation")
    linalg = pytest.importorskip("torchjd.linalg")
    projector = linalg.QuadprogProjector(norm_eps=0.0, reg_eps=0.0)
    reference = aggregation.UPGradWeighting(projector=projector)
    for number in range(5):
        gramian_TS = gram(conflicting(5, number))
        mine_T = UPGrad(names(5)).weigh(gramian_TS, torch.ones(5), range(5))
        torch.testing.assert_close(mine_T, reference(gramian_TS))


def test_what_is_without_conflict_is_added_as_it_is() -> None:
    jacobian_TP = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 1.0], [2.0, 0.0, 0.1]])
    total_P = jacobian_TP.sum(0)
    for rule, factor in ((PCGrad(names(3)), 1), (GradVac(names(3)), 1), (UPGrad(names(3)), 3)):
        (direction_P,) = directions(rule, [jacobian_TP])
        torch.testing.assert_close(factor * direction_P, total_P)


def test_one_gradient() -> None:
    for rule in (PCGrad(names(1)), GradVac(names(1)), UPGrad(names(1))):
        assert rule.weigh(torch.tensor([[4.0]]).double(), torch.ones(1), [0]).tolist() == [1]


def test_opposite_gradients_leave_nothing_of_each_other() -> None:
    jacobian_TP = torch.tensor([[1.0, 2.0], [-2.0, -4.0]])
    for rule in (PCGrad(names(2)), GradVac(names(2)), UPGrad(names(2))):
        (direction_P,) = directions(rule, [jacobian_TP])
        assert direction_P.abs().max() < 1e-5
