"""Weightings of TorchJD by our seam."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mtl_ase.balance import TorchJDWeighting
from mtl_ase.base.errors import UserError
from tests.balance.every_rule import build
from tests.balance.gramians import conflicting, gram, names

aggregation = pytest.importorskip("torchjd.aggregation")


def test_the_weights_are_the_weightings() -> None:
    gramian_TS = gram(conflicting(4))
    for weighting in (aggregation.IMTLGWeighting(), aggregation.KrumWeighting(n_byzantine=1)):
        rule = TorchJDWeighting(names(4), weighting)
        weights_T = rule.weigh(gramian_TS, torch.ones(4), range(4))
        torch.testing.assert_close(weights_T, weighting(gramian_TS))


def test_the_direction_is_that_of_the_aggregator() -> None:
    jacobian_TP = conflicting(4)
    rule = TorchJDWeighting(names(4), aggregation.AlignedMTLWeighting())
    direction_P, _ = rule.combine(jacobian_TP.clone(), torch.ones(4), range(4))
    torch.testing.assert_close(direction_P, aggregation.AlignedMTL()(jacobian_TP))


def test_random_weightings_draw_the_same_on_all_processes() -> None:
    """Whose generators differ; the next step draws anew, also after a resume."""
    gramian_TS, losses_T = gram(conflicting(4)), torch.ones(4)
    rules = [TorchJDWeighting(names(4), aggregation.RandomWeighting(), seed=3) for _ in range(3)]
    drawn = []
    for rank, rule in enumerate(rules[:2]):
        torch.manual_seed(rank)
        drawn.append([rule.weigh(gramian_TS, losses_T, range(4)) for _ in range(2)])
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert torch.equal(drawn[0][1], drawn[1][1])
    assert not torch.equal(drawn[0][0], drawn[0][1])
    rules[2].load_state_dict(rules[0].state_dict())
    assert torch.equal(
        rules[2].weigh(gramian_TS, losses_T, range(4)),
        rules[0].weigh(gramian_TS, losses_T, range(4)),
    )


def test_another_weighting_is_chosen_by_its_target() -> None:
    target = "torchjd.aggregation.IMTLGWeighting"
    rule = build("torchjd", 3, 5, weighting={"_target_": target})
    assert isinstance(rule, TorchJDWeighting)
    assert isinstance(rule.weighting, aggregation.IMTLGWeighting)


@pytest.mark.parametrize(
    "make",
    [
        aggregation.GradVacWeighting,
        aggregation.PCDWeighting,
        aggregation.SDMGradWeighting,
        lambda: aggregation.CRMOGMWeighting(aggregation.MeanWeighting()),
    ],
)
def test_a_state_that_a_resume_would_lose_is_refused(make: type[nn.Module]) -> None:
    with pytest.raises(UserError, match="has a state that is lost when a training is resumed"):
        TorchJDWeighting(names(3), make())


@pytest.mark.parametrize("other", [aggregation.ConFIG, aggregation.MGDA, nn.ReLU])
def test_what_is_no_weighting_is_refused(other: type[nn.Module]) -> None:
    """An aggregator takes the Jacobian: of the Gramian it would make a wrong one silently."""
    with pytest.raises(UserError, match=rf"{other.__name__} is no weighting of TorchJD"):
        TorchJDWeighting(names(3), other())
