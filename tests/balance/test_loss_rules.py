"""What holds for every rule on losses; the geometric mean and random weights."""

from __future__ import annotations

import copy
import itertools
import math
from functools import partial

import pytest
import torch

from mtl_ase.balance import DWA, FAMO, GLS, IMTLL, RLW, STCH, Uncertainty, balance

RULES = {
    "uncertainty": partial(Uncertainty, start=0.3),
    "imtl_l": partial(IMTLL, start=-0.2),
    "dwa": DWA,
    "gls": GLS,
    "rlw": partial(RLW, seed=3),
    "stch_warmup": STCH,
    "stch": partial(STCH, mu=0.7, warmup_epochs=1),
    "famo": FAMO,
}
LOSSES = [[2.0, 0.7, 1.3], [1.5, 0.8, 0.9], [1.2, 0.6, 0.4], [0.9, 0.5, 0.35]]


def weights(names):
    return dict.fromkeys(names, 1.0)


def named(values, names="abc"):
    """Losses by name, as many as there are values, and in a list."""
    leaves = [torch.tensor(value, requires_grad=True) for value in values]
    return dict(zip(names, leaves, strict=False)), leaves


def trained(make, rows=LOSSES, names="abc", kept=range(3)):
    """A rule that has seen epochs of one batch each, and what its steps changed."""
    rule = make(weights=weights(names))
    for before, after in itertools.pairwise(rows):
        rule({n: torch.tensor(before[i]) for n, i in zip(names, kept, strict=True)})
        rule.look_again(*(torch.tensor([row[i] for i in kept]) for row in (before, after)))
        rule.end_epoch()
    return rule


@pytest.fixture(params=RULES)
def make(request):
    return RULES[request.param]


@pytest.mark.parametrize("name", [name for name in RULES if name != "rlw"])
def test_an_absent_task_is_left_out(name):
    """Total and slopes are those of a rule that never knew the task."""
    rows = [[a, 0.0, c] for a, _, c in LOSSES]
    rule = trained(RULES[name], rows)
    smaller = trained(RULES[name], rows, "ac", (0, 2))
    losses, (a, b, c) = named(rows[-1])
    total = rule(losses)
    total.backward()
    few, (only_a, only_c) = named(rows[-1][::2], "ac")
    expected = smaller(few)
    expected.backward()
    assert b.grad == 0
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close((a.grad, c.grad), (only_a.grad, only_c.grad))


def test_a_batch_without_labels_is_no_loss(make):
    losses, leaves = named([0.0, 0.0, 0.0])
    total = trained(make)(losses)
    assert total == 0
    assert torch.autograd.grad(total, leaves) == (0, 0, 0)


def test_one_task_alone_keeps_its_direction(make):
    rule = trained(make, names="a", kept=(0,))
    losses, leaves = named([1.7], "a")
    total = rule(losses)
    (slope,) = torch.autograd.grad(total, leaves)
    assert total.isfinite()
    assert slope.isfinite()
    assert slope > 0


def test_goes_on_alike_from_its_state(make):
    rule = trained(make)
    fresh = make(weights=weights("abc"))
    fresh.load_state_dict(copy.deepcopy(rule.state_dict()))
    for row in LOSSES:
        torch.testing.assert_close(rule(named(row)[0]), fresh(named(row)[0]), rtol=0, atol=0)
        before_T, after_T = torch.tensor(row), 0.9 * torch.tensor(row) ** 2
        for each in (rule, fresh):
            each.look_again(before_T, after_T)
            each.end_epoch()
    for own, other in zip(rule.state_dict().values(), fresh.state_dict().values(), strict=True):
        assert torch.equal(own.nan_to_num(), other.nan_to_num())


def test_validation_does_not_count(make):
    rule = trained(make).eval()
    before = copy.deepcopy(rule.state_dict())
    before.pop("randomness.draws", None)
    rule(named(LOSSES[0])[0])
    for name, value in before.items():
        assert torch.equal(value.nan_to_num(), rule.state_dict()[name].nan_to_num())


def test_all_processes_agree(make, monkeypatch):
    """Two ranks have the total, the slopes and the parameters' gradients of their mean losses."""
    ranks = [[2.0, 0.0, 0.5], [1.0, 0.6, 0.7]]
    mean = [sum(pair) / 2 for pair in zip(*ranks, strict=True)]
    rule = trained(make)
    expected = _seen(copy.deepcopy(rule), mean)
    monkeypatch.setattr(balance, "num_processes", lambda: 2)
    monkeypatch.setattr(balance, "joined_mean", lambda losses_T: torch.tensor(mean))
    for row in ranks:
        for got, wanted in zip(_seen(copy.deepcopy(rule), row), expected, strict=True):
            torch.testing.assert_close(got, wanted)


def _seen(rule, row):
    losses, leaves = named(row)
    total = rule(losses)
    total.backward()
    learned = [parameter.grad for parameter in rule.parameters()]
    return [total.detach(), *(leaf.grad for leaf in leaves), *learned]


def test_a_loss_that_is_not_finite_leaves_no_trace(make):
    """Such a batch may be skipped; what the rule remembers must stay finite."""
    rule = trained(make)
    bad_T = torch.tensor([math.nan, 1.0, math.inf])
    rule(dict(zip("abc", bad_T, strict=True)))
    rule.look_again(bad_T, torch.ones(3))
    rule.look_again(torch.ones(3), bad_T)
    rule.end_epoch()
    assert rule(named(LOSSES[-1])[0]).isfinite()


def test_the_geometric_mean():
    losses, leaves = named([2.0, 0.5, 8.0])
    total = GLS(weights("abc"))(losses)
    torch.testing.assert_close(total, torch.tensor(2.0))
    slopes = torch.stack(torch.autograd.grad(total, leaves))
    torch.testing.assert_close(slopes, torch.tensor([2 / 3 / 2, 2 / 3 / 0.5, 2 / 3 / 8]))


def test_the_geometric_mean_is_torchjds():
    scalarization = pytest.importorskip("torchjd.scalarization")
    losses_T = torch.tensor([2.0, 0.3, 7.1, 0.01])
    total = GLS(weights("abcd")).total(losses_T, losses_T != 0)
    torch.testing.assert_close(total, scalarization.GeometricMean()(losses_T))


def slopes_of(rule, row):
    losses, leaves = named(row)
    return torch.stack(torch.autograd.grad(rule(losses), leaves))


def test_random_weights_add_up_to_the_tasks_that_are_present():
    rule = RLW(weights("abc"))
    for row, count in (([2.0, 3.0, 4.0], 3), ([2.0, 0.0, 4.0], 2), ([0.0, 0.0, 4.0], 1)):
        torch.testing.assert_close(slopes_of(rule, row).sum(), torch.tensor(float(count)))


def test_random_weights_are_a_softmax_of_normal_numbers():
    """The difference log w_a - log w_b is that of two of them: mean 0, variance 2."""
    rule = RLW(weights("ab"))
    slopes_NT = torch.stack([slopes_of(rule, [1.0, 1.0]) for _ in range(2000)])
    difference_N = slopes_NT.log() @ torch.tensor([1.0, -1.0])
    assert difference_N.mean().abs() < 0.1
    assert (difference_N.var() - 2).abs() < 0.2
    assert difference_N.unique().numel() == 2000


def test_random_weights_follow_from_the_seed():
    first, again, other = (RLW(weights("ab"), seed) for seed in (1, 1, 2))
    row = [1.0, 1.0]
    assert torch.equal(slopes_of(first, row), slopes_of(again, row))
    assert not torch.equal(slopes_of(first, row), slopes_of(other, row))
