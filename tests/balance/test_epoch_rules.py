"""Rules that compare epochs: dynamic weight average and smooth Tchebycheff."""

from __future__ import annotations

import math

import pytest
import torch

from mtl_ase.balance import DWA, STCH

WEIGHTS = dict.fromkeys("abc", 1.0)
EPOCHS = [
    [[2.0, 0.7, 1.3], [1.5, 0.9, 0.9]],
    [[1.4, 0.6, 0.9], [1.2, 0.8, 0.7]],
    [[1.3, 0.4, 0.8], [1.1, 0.6, 0.7]],
    [[1.2, 0.3, 0.7], [1.0, 0.5, 0.6]],
]


def total_of(rule, row):
    losses_T = torch.tensor(row, requires_grad=True)
    total = rule.total(losses_T, losses_T.detach() != 0)
    (slopes_T,) = torch.autograd.grad(total, losses_T)
    return total.detach(), slopes_T


def mean(epoch, task):
    """The mean of a task's losses in an epoch over the batches with labels of it."""
    seen = [row[task] for row in epoch if row[task]]
    return sum(seen) / len(seen)


def dwa_weights(last, before, tasks, temperature):
    raw = {t: math.exp(mean(last, t) / mean(before, t) / temperature) for t in tasks}
    return {t: len(tasks) * raw[t] / sum(raw.values()) for t in tasks}


def run(rule, epochs):
    for epoch in epochs:
        for row in epoch:
            total_of(rule, row)
        rule.end_epoch()
    return rule


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_dwa_is_its_equation(temperature):
    rule = run(DWA(WEIGHTS, temperature), EPOCHS[:3])
    expected = dwa_weights(EPOCHS[2], EPOCHS[1], range(3), temperature)
    total, slopes_T = total_of(rule, EPOCHS[3][0])
    torch.testing.assert_close(slopes_T, torch.tensor([expected[t] for t in range(3)]))
    torch.testing.assert_close(total, (slopes_T * torch.tensor(EPOCHS[3][0])).sum())


@pytest.mark.parametrize("past", [0, 1])
def test_dwa_is_a_plain_sum_in_two_epochs(past):
    _, slopes_T = total_of(run(DWA(WEIGHTS), EPOCHS[:past]), EPOCHS[past][1])
    torch.testing.assert_close(slopes_T, torch.ones(3))


def test_dwa_is_torchjds():
    theirs = pytest.importorskip("torchjd.scalarization").DWA()
    ours = DWA(WEIGHTS)
    for epoch in EPOCHS:
        for row in epoch:
            torch.testing.assert_close(total_of(ours, row)[0], theirs(torch.tensor(row)))
        ours.end_epoch()
        theirs.step()


def test_dwa_leaves_batches_without_labels_out_of_the_means():
    epochs = [[[2.0, 0.7, 1.3], [1.5, 0.0, 0.9]], [[1.4, 0.0, 0.9], [1.2, 0.8, 0.7]]]
    rule = run(DWA(WEIGHTS), epochs)
    expected = dwa_weights(epochs[1], epochs[0], (0, 1, 2), 2.0)
    _, slopes_T = total_of(rule, [1.0, 1.0, 1.0])
    torch.testing.assert_close(slopes_T, torch.tensor([expected[t] for t in range(3)]))
    expected = dwa_weights(epochs[1], epochs[0], (0, 2), 2.0)
    _, slopes_T = total_of(rule, [1.0, 0.0, 1.0])
    torch.testing.assert_close(slopes_T[[0, 2]], torch.tensor([expected[0], expected[2]]))


def test_dwa_takes_an_epoch_without_labels_as_one_like_the_last():
    """Its mean stays for the comparison with the next epoch that has labels."""
    without = [[[1.4, 0.0, 0.9]]]
    rule = run(DWA(WEIGHTS), [EPOCHS[0], *without])
    assert rule.ratio_T[1] == 1
    rule = run(rule, [EPOCHS[2]])
    torch.testing.assert_close(rule.ratio_T[1].item(), mean(EPOCHS[2], 1) / mean(EPOCHS[0], 1))


@pytest.mark.parametrize("past", [0, 1])
def test_stch_warms_up_with_logarithms(past):
    rule = run(STCH(WEIGHTS, warmup_epochs=2), EPOCHS[:past])
    row = EPOCHS[past][0]
    total, slopes_T = total_of(rule, row)
    torch.testing.assert_close(total, torch.tensor(row).log().sum())
    torch.testing.assert_close(slopes_T, 1 / torch.tensor(row))


@pytest.mark.parametrize("mu", [0.1, 1.0, 3.0])
def test_stch_is_its_equation(mu):
    """The reference is of the last epoch of warm-up; later epochs don't change it."""
    rule = run(STCH(WEIGHTS, mu, warmup_epochs=2), EPOCHS[:3])
    row = EPOCHS[3][0]
    fallen = [math.log(row[t] / mean(EPOCHS[1], t)) for t in range(3)]
    expected = 3 * mu * math.log(sum(math.exp(value / mu) for value in fallen))
    total, slopes_T = total_of(rule, row)
    assert total.item() == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close((slopes_T * torch.tensor(row)).sum(), torch.tensor(3.0))


def test_stch_is_torchjds_of_logarithms_times_the_number_of_tasks():
    scalarization = pytest.importorskip("torchjd.scalarization")
    rule = run(STCH(WEIGHTS, 0.3, warmup_epochs=1), EPOCHS[:1])
    reference_T = torch.tensor([mean(EPOCHS[0], t) for t in range(3)]).log()
    theirs = scalarization.STCH(0.3, torch.ones(3), reference_T)
    row_T = torch.tensor(EPOCHS[2][1])
    torch.testing.assert_close(total_of(rule, EPOCHS[2][1])[0], 3 * theirs(row_T.log()))


def test_stch_of_small_mu_is_the_maximum():
    rule = run(STCH(WEIGHTS, 1e-4, warmup_epochs=1), EPOCHS[:1])
    row = EPOCHS[3][0]
    fallen = [math.log(row[t] / mean(EPOCHS[0], t)) for t in range(3)]
    total, slopes_T = total_of(rule, row)
    assert total.item() == pytest.approx(3 * max(fallen), rel=1e-3)
    assert slopes_T.count_nonzero() == 1


def test_the_scale_of_a_loss_cancels_in_stch():
    totals = []
    for scale in (1, 50):
        epochs = [[[a, scale * b, c] for a, b, c in epoch] for epoch in EPOCHS]
        totals.append(total_of(run(STCH(WEIGHTS, warmup_epochs=1), epochs[:1]), epochs[2][0])[0])
    torch.testing.assert_close(*totals)
