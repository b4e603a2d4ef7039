"""FAMO: the weighted logarithms, and the update from what a step gained."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.balance import FAMO

STEPS = [
    ([2.0, 0.7, 1.3], [1.8, 0.69, 1.2]),
    ([1.7, 0.8, 1.1], [1.6, 0.6, 1.15]),
    ([1.5, 0.6, 1.2], [1.5, 0.55, 1.0]),
]


def famo(names="abc", **options):
    return FAMO(dict.fromkeys(names, 1.0), **options)


def total_of(rule, row):
    losses_T = torch.tensor(row, requires_grad=True)
    total = rule.total(losses_T, losses_T.detach() != 0)
    (slopes_T,) = torch.autograd.grad(total, losses_T)
    return total.detach(), slopes_T


def look(rule, before, after):
    rule.look_again(torch.tensor(before), torch.tensor(after))


def by_autograd(steps, lr, decay):
    """Z after these steps, by PyTorch's Adam and the gradient of the whole sum."""
    z_T = torch.nn.Parameter(torch.zeros(len(steps[0][0])))
    adam = torch.optim.Adam([z_T], lr=lr, weight_decay=decay)
    for before, after in steps:
        gained_T = torch.tensor(before).log() - torch.tensor(after).log()
        adam.zero_grad()
        (z_T.softmax(0) * gained_T).sum().backward()
        adam.step()
    return z_T.detach()


@pytest.mark.parametrize(("lr", "decay"), [(0.025, 1e-3), (0.3, 0.1), (0.1, 0.0)])
def test_z_is_updated_by_adam(lr, decay):
    rule = famo(lr=lr, weight_decay=decay)
    for before, after in STEPS:
        look(rule, before, after)
    torch.testing.assert_close(rule.z_T, by_autograd(STEPS, lr, decay))


def test_total_is_its_equation():
    rule = famo()
    rule.z_T.copy_(torch.tensor([0.3, -0.2, 0.9]))
    row = [2.0, 0.7, 1.3]
    losses_T, w_T = torch.tensor(row), torch.tensor([0.3, -0.2, 0.9]).softmax(0)
    c = 1 / sum(w / loss for w, loss in zip(w_T.tolist(), row, strict=True))
    total, slopes_T = total_of(rule, row)
    torch.testing.assert_close(total, c * (w_T * losses_T.log()).sum())
    torch.testing.assert_close(slopes_T, c * w_T / losses_T)
    torch.testing.assert_close(slopes_T.sum(), torch.tensor(1.0))


def test_agrees_with_torchjd():
    theirs, ours = pytest.importorskip("torchjd.scalarization").FAMO(3), famo()
    for before, after in STEPS:
        torch.testing.assert_close(total_of(ours, before)[0], theirs(torch.tensor(before)))
        theirs.update(torch.tensor(after))
        look(ours, before, after)
    torch.testing.assert_close(total_of(ours, STEPS[0][0])[0], theirs(torch.tensor(STEPS[0][0])))


def test_the_task_that_gained_most_weighs_less():
    rule = famo()
    look(rule, [1.0, 1.0, 1.0], [0.5, 0.9, 0.9])
    assert rule.z_T[0] < 0
    assert rule.z_T[1] == rule.z_T[2] > 0


def test_an_absent_task_stays_as_it_is():
    """The others go on as without it, and it goes on later as if it had not been away."""
    rule, two = famo(), famo("ac")
    for before, after in STEPS:
        look(rule, [before[0], 0.0, before[2]], [after[0], 0.0, after[2]])
        look(two, before[::2], after[::2])
    torch.testing.assert_close(rule.z_T[[0, 2]], two.z_T)
    state_T = torch.stack([rule.z_T, rule.first_T, rule.second_T, rule.steps_T])
    assert (state_T[:, 1] == 0).all()
    assert rule.steps_T.tolist() == [3, 0, 3]


def test_one_task_has_weight_one():
    rule = famo("a")
    look(rule, [2.0], [1.0])
    total, slopes_T = total_of(rule, [2.0])
    torch.testing.assert_close(slopes_T, torch.ones(1))
    torch.testing.assert_close(total, 2 * torch.tensor(2.0).log())
