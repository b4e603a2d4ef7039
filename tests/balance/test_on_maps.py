"""Rules on the gradients in the maps. Legend: T tasks, P elements of the trunk."""

from __future__ import annotations

import pytest
import torch
from hydra.errors import InstantiationException

from mtl_ase.balance import Balance, NashMTL, OnMaps, PCGrad
from mtl_ase.balance.gradient_rule import gramian
from mtl_ase.balance.moco import MoCo
from mtl_ase.base.errors import UserError
from mtl_ase.build import build_module, build_network, build_tasks
from mtl_ase.model.network import resized
from tests.model.batches import make_batch
from tests.training.jacobians import slow_rows, small, stir

TASKS = ("semseg", "normals", "edge")


@pytest.fixture
def build(composed, tiny):
    """Builds the module of overrides in 64 bits, with a made batch of four."""

    def make(*overrides):
        torch.manual_seed(0)
        chosen = ["balance=on_maps", f"tasks=[{','.join(TASKS)}]", *overrides]
        config = composed(*small(tiny, overrides), *chosen)
        tasks = build_tasks(config)
        module = build_module(config, tasks, build_network(config, tasks)).double()
        stir(module)
        return module.eval(), make_batch(module.scorer.tasks, count=4)

    return make


def losses_of(module, logits, batch):
    return {name: loss(logits[name], batch.labels[name]) for name, loss in module.losses.items()}


def slow(module, batch, rule):
    """Gradients of the trunk and of the heads, and weights, from a backward pass for every task."""
    (map_TBDHW,), _ = module.network.encoder(batch.image_BCHW)
    leaf_TBDHW = map_TBDHW.detach().requires_grad_()
    logits, _ = module.network.decoder([leaf_TBDHW])
    logits = resized(logits, batch.image_BCHW)
    losses_T = module.balance.weighted(losses_of(module, logits, batch))
    rows = torch.stack([torch.autograd.grad(x, leaf_TBDHW, retain_graph=True)[0] for x in losses_T])
    own_TP = rows.sum(0).flatten(1)  # a head reads its own map only
    weights_T = rule.weigh(gramian(own_TP), losses_T.detach(), range(len(TASKS)))
    trunk = [p for p in module.network.encoder.parameters() if p.requires_grad]
    whole = map_TBDHW.flatten(1).double()
    parts_T = (whole * own_TP * weights_T[:, None]).sum(1)
    trunk_P = slow_rows(parts_T.sum()[None], trunk)[0]
    heads = list(module.network.decoder.parameters())
    heads_P = torch.cat([g.flatten() for g in torch.autograd.grad(losses_T.sum(), heads)])
    return trunk_P, heads_P, weights_T


def fast(module, batch, scale=1.0):
    """The same from a step's backward pass."""
    module.zero_grad()
    balance = module.balance
    logits, _ = module.network(batch.image_BCHW, None, balance.watch_maps)
    (scale * balance(losses_of(module, logits, batch))).backward()
    grads = [
        torch.cat([p.grad.flatten() for p in part.parameters() if p.requires_grad]) / scale
        for part in (module.network.encoder, module.network.decoder)
    ]
    return *grads, balance.last_weights()


@pytest.mark.parametrize(
    ("experiment", "scale"),
    [
        ("mtl_vit", 1.0),
        ("mtl_vit", 1024.0),
        pytest.param("mtl_resnet18", 8.0, marks=pytest.mark.slow),
    ],
)
def test_the_trunk_gets_the_weighted_sum_and_heads_their_own_gradient(build, experiment, scale):
    module, batch = build(f"experiment={experiment}")
    expected = slow(module, batch, NashMTL(module.balance.weights))
    for found, value in zip(fast(module, batch, scale), expected, strict=True):
        torch.testing.assert_close(found, value, rtol=1e-8, atol=1e-12)
    assert expected[-1].max() > 1.1 * expected[-1].min()


def test_another_rule_is_chosen_by_name(build):
    module, batch = build("experiment=mtl_vit", "balance@training.balance.rule=pcgrad")
    expected_T = slow(module, batch, PCGrad(module.balance.weights))[-1]
    torch.testing.assert_close(fast(module, batch)[-1], expected_T, rtol=1e-8, atol=0)


def test_a_task_without_labels_is_left_out(build):
    module, batch = build("experiment=mtl_vit")
    batch.labels["edge"].fill_(255)
    trunk_P, _, weights_T = fast(module, batch)
    assert weights_T[:2].isfinite().all()
    assert weights_T[2].isnan()
    assert trunk_P.isfinite().all()


def test_gradients_that_are_not_finite_are_left_to_the_scaler(build):
    module, batch = build("experiment=mtl_vit")
    before_T = fast(module, batch)[-1].clone()
    trunk_P, _, weights_T = fast(module, batch, torch.inf)
    assert not trunk_P.isfinite().all()
    torch.testing.assert_close(weights_T, before_T)


@pytest.mark.parametrize(
    "rule",
    [MoCo, lambda weights: NashMTL(weights, weigh_private=True)],
    ids=["not by weights", "heads too"],
)
def test_rules_that_do_more_than_weigh_are_refused(rule):
    with pytest.raises(UserError, match=r"balance=on_maps .* does more"):
        OnMaps({"a": 1.0, "b": 1.0}, rule)


@pytest.mark.parametrize(
    "override", ["model/decoder=fgmoe", "data.stages=[[semseg],[normals,edge]]"]
)
def test_tasks_that_meet_behind_the_maps_and_stages_are_refused(build, override):
    with pytest.raises(InstantiationException, match=r"needs model/decoder=heads and data.stages"):
        build("experiment=ase", override)


def test_only_this_rule_uses_maps():
    assert OnMaps.uses_maps
    assert not Balance.uses_maps
