"""The properties of the matrix catch what they are for: one wrong adapter for each.

T tasks, B images, L tokens, D width, E experts.
"""
# ruff: noqa: D101, D102

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import linear

from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters import LowRankAdapter
from tests.model.adapters import properties
from tests.model.adapters.cases import Case

E, RANK = 4, 2


class Right(LowRankAdapter):
    """Four experts of rank 2, weighed by a linear router a task."""

    takes_task_axis = True

    def __init__(self, site):
        super().__init__(site, E * RANK, 2.0)
        self.router_TED = nn.Parameter(torch.randn(site.num_tasks, E, site.width_in) / 8)

    def gates(self, x_TBLD):
        logits_TBLE = at_least_float32(torch.einsum("tbld,ted->tble", x_TBLD, self.router_TED))
        gate_TBLE = logits_TBLE.softmax(-1)
        return gate_TBLE, self.routing(logits_TBLE, gate_TBLE)

    def routers(self):
        return [self.router_TED]

    def private(self):
        return [self.router_TED]


class Matrix(LowRankAdapter):
    """Plain LoRA."""

    knows_tasks = False

    def __init__(self, site):
        super().__init__(site, E * RANK, 2.0)

    def delta_weight(self, task):
        return 2 * self.up_OP @ self.down_RD


def update(adapter, x_TBLD):
    tasks = []
    for x_BLD, router_ED in zip(x_TBLD, adapter.router_TED, strict=True):
        gate_BLE, y_BLO = (x_BLD @ router_ED.T).softmax(-1), 0
        for e in range(E):
            own = slice(RANK * e, RANK * e + RANK)
            y_BLE = x_BLD @ adapter.down_RD[own].T @ adapter.up_OP[:, own].T
            y_BLO = y_BLO + 2 * gate_BLE[..., e : e + 1] * y_BLE
        tasks.append(y_BLO)
    return torch.stack(tasks)


def num_parameters(site):
    return E * RANK * (site.width_in + site.width_out) + site.num_tasks * E * site.width_in


ORACLE = SimpleNamespace(update=update)


class StartsElsewhere(Right):
    def __init__(self, site):
        super().__init__(site)
        nn.init.ones_(self.up_OP)


class OtherScale(Right):
    def __init__(self, site):
        super().__init__(site)
        self.scale = 1.99


class SinglePrecision(Right):
    def mix(self, z_TBLR, gate_TBLE):
        return super().mix(z_TBLR, gate_TBLE.float().to(z_TBLR))


class DetachedGate(Right):
    def mix(self, z_TBLR, gate_TBLE):
        return super().mix(z_TBLR, gate_TBLE.detach())


class Larger(Right):
    def __init__(self, site):
        super().__init__(site)
        self.more_DD = nn.Parameter(torch.zeros(site.width_in, site.width_in))


class PrivateWithoutTasks(Right):
    def private(self):
        return [self.down_RD]


class PrivateButShared(Right):
    def gates(self, x_TBLD):
        gate_TBLE, routing = super().gates(x_TBLD)
        return gate_TBLE.mean(0, keepdim=True), routing


class PrivateInSecret(Right):
    def private(self):
        return []


class DetachedFromB(Right):
    def mix(self, z_TBLR, gate_TBLE):
        return super().mix(z_TBLR.detach(), gate_TBLE)


class Unregistered(Right):
    def __init__(self, site):
        super().__init__(site)
        self.factor = torch.randn(())

    def mix(self, z_TBLR, gate_TBLE):
        return self.factor * super().mix(z_TBLR, gate_TBLE)


class Counts(Right):
    def __init__(self, site):
        super().__init__(site)
        self.register_buffer("calls", torch.zeros(()))

    def gates(self, x_TBLD):
        self.calls += 1
        return super().gates(x_TBLD)


class SeesTheBatch(Right):
    def gates(self, x_TBLD):
        return super().gates(x_TBLD - x_TBLD.mean(1, keepdim=True))


class SeesTheImage(Right):
    def mix(self, z_TBLR, gate_TBLE):
        return super().mix(z_TBLR, gate_TBLE).cumsum(2)


class SaysItMixes(Right):
    mixes_tokens = True


class SaysItKnowsNoTasks(Right):
    knows_tasks = False

    def private(self):
        return []


class SaysItKnowsTasks(Matrix):
    knows_tasks = True


class TakesTheFirstTasksWeight(Right):
    def down(self, x_TBLD):
        return linear(x_TBLD, self.down_RD.reshape(-1, E * RANK, x_TBLD.shape[-1])[0])


class OtherMatrix(Matrix):
    def delta_weight(self, task):
        return (1 + task) * super().delta_weight(task)


class HalfLogits(Right):
    def gates(self, x_TBLD):
        logits_TBLE = torch.einsum("tbld,ted->tble", x_TBLD, self.router_TED)
        return logits_TBLE.softmax(-1), self.routing(logits_TBLE, logits_TBLE.softmax(-1))


class NegativeGate(Right):
    def gates(self, x_TBLD):
        gate_TBLE, routing = super().gates(x_TBLD)
        return gate_TBLE, routing._replace(gate_TBLE=-routing.gate_TBLE)


class OtherShape(Right):
    def gates(self, x_TBLD):
        gate_TBLE, routing = super().gates(x_TBLD)
        return gate_TBLE, routing._replace(logits_TBLE=routing.logits_TBLE[:, :, 1:])


WRONG = {
    StartsElsewhere: properties.adds_nothing_at_the_start,
    OtherScale: properties.equals_its_loops_in_float64_and_itself_in_float32,
    SinglePrecision: properties.equals_its_loops_in_float64_and_itself_in_float32,
    DetachedGate: properties.equals_its_loops_in_float64_and_itself_in_float32,
    Larger: properties.has_as_many_parameters_as_the_formula_says,
    PrivateWithoutTasks: properties.names_its_own_parameters,
    PrivateButShared: properties.keeps_private_parameters_from_other_tasks,
    PrivateInSecret: properties.keeps_private_parameters_from_other_tasks,
    DetachedFromB: properties.every_parameter_learns_within_two_steps,
    Unregistered: properties.comes_back_from_its_state_bit_for_bit,
    Counts: properties.keeps_no_state_between_evaluations,
    SeesTheBatch: properties.sees_every_image_alone,
    SeesTheImage: properties.mixes_tokens_only_if_it_says_so,
    SaysItMixes: properties.mixes_tokens_only_if_it_says_so,
    SaysItKnowsNoTasks: properties.knows_tasks_only_if_it_says_so,
    SaysItKnowsTasks: properties.knows_tasks_only_if_it_says_so,
    TakesTheFirstTasksWeight: properties.takes_a_weight_of_each_task_if_it_says_so,
    OtherMatrix: properties.merges_if_its_update_is_a_matrix_and_refuses_if_not,
    HalfLogits: properties.runs_under_autocast,
    NegativeGate: properties.routes_in_the_declared_shapes,
    OtherShape: properties.routes_in_the_declared_shapes,
}


@pytest.mark.parametrize("check", properties.PROPERTIES, ids=lambda check: check.__name__)
def test_a_right_adapter_has_it(check):
    check(Case(Right, "fc1", ORACLE, num_parameters))


@pytest.mark.parametrize("adapter", WRONG, ids=lambda adapter: adapter.__name__)
def test_a_wrong_adapter_has_it_not(adapter):
    with pytest.raises(AssertionError):
        WRONG[adapter](Case(adapter, "fc1", ORACLE, num_parameters))


def test_every_property_has_a_wrong_adapter():
    assert set(WRONG.values()) == set(properties.PROPERTIES)
