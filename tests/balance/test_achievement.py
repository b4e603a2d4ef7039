"""Achievement-based weights: potentials, running means, the product and the sum."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import pytest
import torch

from mtl_ase.balance import Achievement
from mtl_ase.base.errors import UserError

HIGHER = {"a/iou": True, "b/iou": True, "c/error": False, "a/other": False}


def rule(values, names="ab", **options):
    reference = SimpleNamespace(dataset="rooms", values=values)
    return Achievement(dict.fromkeys(names, 1.0), reference, "rooms", **options)


def weights_of(made, losses):
    """What the total weighs each task by: the slope of the sum, or times L_t / L the power."""
    losses_T = torch.tensor(losses, requires_grad=True)
    total = made.total(losses_T, losses_T.detach() != 0)
    (slopes_T,) = torch.autograd.grad(total, losses_T)
    if made.geometric:
        slopes_T = slopes_T * losses_T.detach() / total.detach()
    return total.detach(), slopes_T


@pytest.fixture(params=["geometric", "sum"])
def form(request):
    return request.param


def test_the_worked_example():
    """Potentials (.84, .63), scores (.42, .567): raw (.25, .01), w (.559714, .440286)."""
    made = rule({"a/iou": 0.8, "b/iou": 0.6})
    made.end_validation({"a/iou": 0.42, "b/iou": 0.567}, HIGHER)
    torch.testing.assert_close(made.raw_T, torch.tensor([0.25, 0.01]).double())
    total, w_T = weights_of(made, [2.0, 0.5])
    assert [round(w, 6) for w in w_T.tolist()] == [0.559714, 0.440286]
    assert total.item() == pytest.approx(1.0863036, abs=1e-7)
    total, w_T = weights_of(sum_of(made), [2.0, 0.5])
    assert total.item() == pytest.approx(2 * 0.559714 + 0.5 * 0.440286, abs=1e-6)


def sum_of(made):
    """The same rule in its other form."""
    other = rule({"a/iou": 0.8, "b/iou": 0.6}, form="sum")
    other.load_state_dict(made.state_dict())
    return other


def test_uniform_until_the_first_validation(form):
    _, w_T = weights_of(rule({"a/iou": 0.8, "b/iou": 0.6}, form=form), [2.0, 0.5])
    torch.testing.assert_close(w_T, torch.full((2,), 0.5))


def test_lower_is_better_is_the_other_way_round():
    """An error of 20 with 15.75 and a margin of 5 % as single-task result: a = 15 / 20."""
    made = rule({"a/iou": 0.8, "c/error": 15.75}, "ac")
    made.end_validation({"a/iou": 0.84, "c/error": 20.0}, HIGHER)
    torch.testing.assert_close(made.raw_T, torch.tensor([0.0, 0.0625]).double())


@pytest.mark.parametrize("error", [14.0, 0.0])
def test_beyond_the_potential_is_a_weight_of_no_more(error):
    """Squared, 1 - a would grow again."""
    made = rule({"a/iou": 0.8, "c/error": 15.75}, "ac")
    made.end_validation({"a/iou": 0.95, "c/error": error}, HIGHER)
    assert (made.raw_T == 0).all()


def test_scores_are_a_running_mean_from_the_first_on():
    made = rule({"a/iou": 1.0, "b/iou": 1.0}, margin=0.0, gamma=1.0)
    for a, b in ((0.4, 0.2), (0.9, 0.2), (0.1, 0.2)):
        made.end_validation({"a/iou": a, "b/iou": b}, HIGHER)
    a = 0.9 * (0.9 * 0.4 + 0.1 * 0.9) + 0.1 * 0.1
    torch.testing.assert_close(made.raw_T, torch.tensor([1 - a, 0.8]).double())


def test_memory_and_gamma_are_options():
    made = rule({"a/iou": 1.0, "b/iou": 1.0}, margin=0.25, gamma=3.0, memory=0.5)
    made.end_validation({"a/iou": 0.5, "b/iou": 1.25}, HIGHER)
    made.end_validation({"a/iou": 0.75, "b/iou": 1.25}, HIGHER)
    torch.testing.assert_close(made.raw_T, torch.tensor([0.125, 0.0]).double())


def test_tasks_without_labels_are_left_out(form):
    made = rule({"a/iou": 0.8, "b/iou": 0.6, "c/error": 20.0}, "abc", form=form)
    made.end_validation({"a/iou": 0.42, "b/iou": 0.567, "c/error": 40.0}, HIGHER)
    total, w_T = weights_of(made, [2.0, 0.0, 0.5])
    raw = made.raw_T.tolist()
    first = math.exp(raw[0]) / (math.exp(raw[0]) + math.exp(raw[2]))
    torch.testing.assert_close(w_T, torch.tensor([first, 0.0, 1 - first]))
    geometric = 2**first * 0.5 ** (1 - first)
    expected = geometric if form == "geometric" else 2 * first + 0.5 * (1 - first)
    assert total.item() == pytest.approx(expected)


def test_a_batch_without_labels_is_no_loss(form):
    made = rule({"a/iou": 0.8, "b/iou": 0.6}, form=form)
    losses_T = torch.zeros(2, requires_grad=True)
    total = made.total(losses_T, losses_T.detach() != 0)
    assert total == 0
    assert torch.equal(torch.autograd.grad(total, losses_T)[0], torch.zeros(2))


def test_one_task_has_weight_one(form):
    made = rule({"a/iou": 0.8}, "a", form=form)
    made.end_validation({"a/iou": 0.2}, HIGHER)
    total, w_T = weights_of(made, [3.0])
    torch.testing.assert_close((total, w_T), (torch.tensor(3.0), torch.ones(1)))


def test_a_task_without_a_score_counts_as_the_mean_of_the_others():
    made = rule({"a/iou": 1.0, "b/iou": 1.0, "c/error": 1.0}, "abc", margin=0.0, gamma=1.0)
    made.end_validation({"a/iou": 0.4, "b/iou": 0.8, "c/error": None}, HIGHER)
    torch.testing.assert_close(made.raw_T, torch.tensor([0.6, 0.2, 0.4]).double())
    made.end_validation({"a/iou": None, "b/iou": None, "c/error": 2.0}, HIGHER)
    torch.testing.assert_close(made.raw_T, torch.tensor([0.6, 0.2, 0.5]).double())
    fresh = rule({"a/iou": 1.0, "b/iou": 1.0})
    fresh.end_validation({"a/iou": None, "b/iou": None}, HIGHER)
    assert (fresh.raw_T == 0).all()


def test_goes_on_alike_from_its_state():
    made, fresh = (rule({"a/iou": 0.8, "b/iou": 0.6}) for _ in range(2))
    made.end_validation({"a/iou": 0.3, "b/iou": 0.5}, HIGHER)
    fresh.load_state_dict(copy.deepcopy(made.state_dict()))
    for each in (made, fresh):
        each.end_validation({"a/iou": 0.5, "b/iou": 0.55}, HIGHER)
    assert torch.equal(made.raw_T, fresh.raw_T)


@pytest.mark.parametrize(
    ("values", "dataset", "message"),
    [
        (None, "rooms", r"there are none; choose some with reference=NAME"),
        ({"a/iou": 0.8, "b/iou": 0.6}, "streets", "is of data set streets, not rooms; choose"),
        ({"a/iou": 0.8}, "rooms", "has none above 0 of b; set it in training.reference"),
        ({"a/iou": 0.8, "b/iou": 0.0}, "rooms", "has none above 0 of b;"),
        ({"a/iou": 0.8, "b/iou": -0.5}, "rooms", "has none above 0 of b;"),
        ({"a/iou": 0.8, "b/iou": math.nan}, "rooms", "has none above 0 of b;"),
        ({"a/iou": 0.8, "b/iou": math.inf}, "rooms", "has none above 0 of b;"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(values, dataset, message):
    reference = values and SimpleNamespace(dataset=dataset, values=values)
    with pytest.raises(UserError, match=message):
        Achievement({"a": 1.0, "b": 1.0}, reference, "rooms")


def test_a_metric_that_validations_lack_is_named():
    made = rule({"a/iou": 0.8, "b/best": 0.6})
    with pytest.raises(UserError, match=r"the reference's b/best, which validations here lack; "):
        made.end_validation({"a/iou": 0.5}, HIGHER)
