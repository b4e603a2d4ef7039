"""Gradients by task from one backward pass, against a backward pass for every task."""

from __future__ import annotations

import pytest
import torch
from hydra.errors import InstantiationException

from mtl_ase.balance import Combined, FixedWeights, GradientRule
from mtl_ase.build import build_module, build_network, build_tasks, forget_weights
from mtl_ase.config import CONFIGS
from mtl_ase.training.task_gradients import TaskGradients
from tests.model.batches import make_batch
from tests.training.jacobians import RESNETS, slow_rows, small, stir

FILES = (CONFIGS / "model" / "adapter").glob("*.yaml")
ADAPTERS = sorted(path.stem for path in FILES if path.stem != "none")
NETWORKS = [
    *([f"model/adapter={name}"] for name in ADAPTERS),
    ["model/adapter=ase_finegrained", "model.encoder.frozen=false"],
    ["model/adapter=ase_finegrained", "model.encoder.activation_checkpointing=true"],
    ["model/adapter=ase_finegrained", "model.encoder.branch_block=1"],
    ["model/adapter=lora", "model.encoder.task_embedding=false"],
    ["experiment=ase_side"],
    ["experiment=mtl_vit"],
    ["experiment=mtl_resnet18"],
    ["experiment=mtan"],
    ["experiment=cross_stitch"],
    ["experiment=mlore", "model.decoder.num_blocks=1"],
    ["experiment=fgmoe_decoder"],
]
TASKS = ("semseg", "normals", "edge")
TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-12}
NAMED = ("ase_finegrained", "mtl_lora", "smola", "lora", "mtl_resnet18")
"""Those whose Jacobians must agree to 1e-6 in 32 bits."""


@pytest.fixture
def build(composed, tiny):
    """Builds the module of overrides with weights that are nowhere 0, and a made batch of four."""

    def make(*overrides, dtype=torch.float64):
        torch.manual_seed(0)
        config = composed(*small(tiny, overrides), *overrides, f"tasks=[{','.join(TASKS)}]")
        tasks = build_tasks(config)
        forget_weights(config)
        module = build_module(config, tasks, build_network(config, tasks)).to(dtype)
        stir(module)
        return module, make_batch(module.scorer.tasks, count=4)

    return make


def losses_of(module, batch, views=None):
    torch.manual_seed(2)  # router noise and dropout
    logits, routing = module.network(batch.image_BCHW, views)
    losses = {name: loss(logits[name], batch.labels[name]) for name, loss in module.losses.items()}
    return FixedWeights({"semseg": 1, "normals": 10, "edge": 50}).weighted(losses), routing


def slow_jacobian(module, batch, shared):
    return slow_rows(losses_of(module, batch)[0], shared)


class Sum(GradientRule):
    """The plain sum; keeps the Jacobian."""

    def combine(self, jacobian_TP, losses_T, rows):
        """The sum of the rows."""
        self.seen = (jacobian_TP.clone(), losses_T.clone(), list(rows))
        return Combined(jacobian_TP.sum(0), torch.ones(len(rows)))


def fast_jacobian(module, batch, gradients):
    views = gradients.begin()
    losses_T, _ = losses_of(module, batch, views)
    gradients.add_losses(losses_T, range(len(losses_T)))
    losses_T.sum().backward()
    return gradients.jacobian_TP


def is_quick(network, dtype):
    return dtype == torch.float64 and network[0] not in RESNETS


def is_named(network):
    return network[-1].rpartition("=")[2] in NAMED


@pytest.mark.parametrize(
    ("network", "dtype"),
    [
        pytest.param(
            network,
            dtype,
            id=f"{network[-1]}-{dtype}",
            marks=[] if is_quick(network, dtype) or is_named(network) else pytest.mark.slow,
        )
        for network in NETWORKS
        for dtype in TOLERANCE
    ],
)
def test_one_backward_pass_gives_the_jacobian(build, network, dtype):
    module, batch = build(*network, dtype=dtype)
    gradients = TaskGradients(module.network, TASKS)
    expected_TP = slow_jacobian(module, batch, gradients.shared)
    found_TP = fast_jacobian(module, batch, gradients)
    assert expected_TP.any(1).all()
    error_T = (found_TP - expected_TP).norm(dim=1) / expected_TP.norm(dim=1)
    named = dtype == torch.float32 and is_named(network)
    assert (error_T < (1e-6 if named else TOLERANCE[dtype])).all(), error_T


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(network, id=network[-1], marks=[] if is_named(network) else pytest.mark.slow)
        for network in NETWORKS
    ],
)
def test_the_sum_of_the_rows_is_the_plain_gradient(build, network):
    """Private parameters and shared ones, all of them, as in a step without a rule."""
    module, batch = build(*network)
    losses_of(module, batch)[0].sum().backward()
    trained = {n: p for n, p in module.network.named_parameters() if p.requires_grad}
    expected = {name: parameter.grad for name, parameter in trained.items()}
    module.zero_grad()
    gradients = TaskGradients(module.network, TASKS)
    fast_jacobian(module, batch, gradients)
    gradients.put(Sum(dict.fromkeys(TASKS, 1.0)), 1.0)
    for name, parameter in trained.items():
        if expected[name] is None:
            assert parameter.grad is None or not parameter.grad.any(), name
        else:
            torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-9, atol=1e-11)


def in_one_pass(module):
    gradients = TaskGradients(module.network, TASKS)
    return len(gradients.shared) - len(gradients.others), len(gradients.shared)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_adapter_needs_one_backward_pass(build, adapter):
    module, _ = build(f"model/adapter={adapter}")
    in_pass, shared = in_one_pass(module)
    assert in_pass == shared > 0


def test_trunks_that_all_tasks_run_at_once_need_a_pass_for_every_task(build):
    for experiment in ("mtl_vit", "mtl_resnet18"):
        module, _ = build(f"experiment={experiment}")
        assert in_one_pass(module)[0] == 0


def test_rules_on_gradients_need_something_shared(build):
    with pytest.raises(InstantiationException, match="nothing that is trained is shared here"):
        build("model/adapter=none", "balance=nash_mtl")
