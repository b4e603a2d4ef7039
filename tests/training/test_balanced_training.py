"""Rules on gradients inside Lightning's loop: accumulation, clipping, precision, recomputation."""

from __future__ import annotations

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.utils.data import DataLoader

from mtl_ase.balance import Combined, GradientRule
from mtl_ase.data.sample import Window
from mtl_ase.training.exact_resume import seed_everything_at
from tests.model.batches import make_batch
from tests.training.jacobians import slow_rows, stir

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*you have set .limit_val_batches=0"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
]
BATCHES = 3
TASKS = "tasks=[semseg,normals,edge]"
NO_REGULARISER = "training.regularisers.mutual_information.weight=0"
NETWORKS = [
    ["model/adapter=ase_finegrained"],
    ["model/adapter=mtl_lora", "model.adapter.dropout=0"],
    ["model/adapter=smola"],
    ["model/adapter=lora"],
    ["model/adapter=ase_finegrained", "model.encoder.activation_checkpointing=true"],
]


class Seen(GradientRule):
    """The plain sum of the rows; keeps the Jacobian."""

    def combine(self, jacobian_TP, losses_T, rows):
        """The sum of the rows."""
        self.jacobian_TP, self.losses_T = jacobian_TP.clone(), losses_T.clone()
        return Combined(jacobian_TP.sum(0), torch.ones(len(rows)))


class AtStep(pl.Callback):
    """Keeps the norm of the gradients before they are clipped, and after."""

    def on_train_start(self, trainer, module):
        """Note it around Lightning's clipping."""
        clip = module.configure_gradient_clipping

        def and_note(*arguments, **options):
            self.before = norm(module)
            clip(*arguments, **options)
            self.after = norm(module)

        module.configure_gradient_clipping = and_note


def norm(module):
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    grads = [parameter.grad.flatten() for parameter in trained]
    return torch.cat(grads).norm().item()


def train(module, batches, **options):
    """One step, which leaves the weights as they are; what its rule and its clipping saw."""
    kept = AtStep()
    windowed = [batch._replace(window=Window(len(batches), len(batches))) for batch in batches]
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        limit_val_batches=0,
        accumulate_grad_batches=len(batches),
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[kept],
        **options,
    )
    module.schedule = lambda step, num_steps: 0.0
    trainer.fit(module, DataLoader(windowed, batch_size=None))
    return kept


@pytest.fixture
def build(tiny_module):
    """Builds a module with the rule `Seen` and weights that are nowhere 0, and three batches."""

    def make(*overrides):
        module = tiny_module(TASKS, NO_REGULARISER, *overrides)
        weights = {name: task.weight for name, task in module.tasks.items()}
        module.balances = torch.nn.ModuleList([Seen(weights)])
        stir(module)
        tasks = module.scorer.tasks
        return module, [make_batch(tasks, count=2, seed=seed) for seed in range(BATCHES)]

    return make


def slow_jacobian(module, batches):
    """The mean over batches of a backward pass for every task, at the noise of the training."""
    shared = module.gradients.shared
    total_TP = 0
    for number, batch in enumerate(batches):
        seed_everything_at(module.seed, number, 0)
        logits, _ = module.network(batch.image_BCHW)
        losses = {n: loss(logits[n], batch.labels[n]) for n, loss in module.losses.items()}
        total_TP += slow_rows(module.balance.weighted(losses), shared)
    return total_TP / len(batches)


def relative(found_TP, expected_TP):
    return ((found_TP - expected_TP).norm(dim=1) / expected_TP.norm(dim=1)).max()


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network[-1])
@pytest.mark.parametrize(("precision", "error"), [("32-true", 2e-6), ("64-true", 1e-12)])
def test_the_jacobian_of_accumulated_batches(build, network, precision, error):
    """The mean over three batches; it is clipped after it was combined."""
    module, batches = build(*network)
    kept = train(module, batches, precision=precision)
    expected_TP = slow_jacobian(module.train(), batches)
    assert module.balance.jacobian_TP.dtype == expected_TP.dtype
    assert relative(module.balance.jacobian_TP, expected_TP) < error
    assert kept.before > 1
    assert kept.after == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network[-1])
def test_the_jacobian_under_autocast(build, network):
    """That of a pass for every task, in the same bits."""
    module, batches = build(*network)
    train(module, batches[:1], precision="bf16-mixed")
    with torch.autocast("cpu", torch.bfloat16):
        expected_TP = slow_jacobian(module.train(), batches[:1])
    assert relative(module.balance.jacobian_TP, expected_TP) < 1e-2
    exact_TP = slow_jacobian(module, batches[:1])
    assert relative(module.balance.jacobian_TP, exact_TP) > 1e-3


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network[-1])
def test_passes_of_single_tasks_keep_16_bits(build, network):
    """What blocks hand on inside, as in a plain pass: no product is in 32 bits."""
    module, (batch, *_) = build(*network)
    kept = []
    for name, part in module.network.encoder.named_modules():
        if name.endswith("mlp.act"):
            part.register_forward_pre_hook(lambda _m, inputs: kept.append(inputs[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        module.network(batch.image_BCHW, module.gradients.begin())
    assert set(kept) == {torch.bfloat16}


def test_a_loss_scale_cancels(build):
    """What is added is divided by the scale that the backward pass has."""
    module, (batch, *_) = build("model/adapter=ase_finegrained")
    directions = []
    for scale in (1.0, 1024.0):
        views = module.gradients.begin()
        torch.manual_seed(0)
        logits, routing = module.network(batch.image_BCHW, views)
        losses = {n: loss(logits[n], batch.labels[n]) for n, loss in module.losses.items()}
        losses_T = scale * module.balance.weighted(losses)
        extra = scale * sum(routed.logits_TBLE.square().mean() for routed in routing)
        module.gradients.add_losses(losses_T, range(len(losses_T)))
        module.gradients.add_regularisers(extra, routing)
        module.zero_grad()
        losses_T.sum().backward()
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter.grad /= scale  # as the scaler does
        module.gradients.put(module.balance, scale)
        trained = [p for p in module.network.parameters() if p.requires_grad]
        directions.append(torch.cat([p.grad.flatten() for p in trained]))
    torch.testing.assert_close(*directions, rtol=1e-4, atol=1e-6)


def test_a_gradient_that_is_not_finite_leaves_the_step_to_the_scaler(build):
    module, _ = build("model/adapter=lora")
    module.gradients.begin()
    module.gradients.jacobian_TP[1, 3] = torch.inf
    module.gradients.put_sum()
    before = [parameter.grad for parameter in module.gradients.shared]
    assert module.gradients.put(module.balance, 2.0).isnan().all()
    assert not torch.cat([grad.flatten() for grad in before]).isfinite().all()
    assert all(p.grad is grad for p, grad in zip(module.gradients.shared, before, strict=True))


def test_the_regulariser_reaches_the_routers_alone(build):
    """Their gradient is that of the plain loss, where the tokens are taken as they are."""
    module, (batch, *_) = build("model/adapter=ase_finegrained")
    torch.manual_seed(0)
    _, routing = module.network(batch.image_BCHW)
    first = routing[0]  # no adapter before it: its tokens do not depend on what is trained
    parameters = module.network.encoder.routers_of(first)
    expected = torch.autograd.grad(first.logits_TBLE.square().mean(), parameters)
    torch.manual_seed(0)
    _, routing = module.network(batch.image_BCHW, module.gradients.begin())
    extra = sum(routed.logits_TBLE.square().mean() for routed in routing)
    module.gradients.add_regularisers(extra, routing)
    found = module.gradients.of_regularisers
    routers = {p for routed in routing for p in module.network.encoder.routers_of(routed)}
    assert found.keys() == routers
    for parameter, grad in zip(parameters, expected, strict=True):
        torch.testing.assert_close(found[parameter], grad)
    assert not module.gradients.jacobian_TP.any()


def train_at(module, scaler=None):
    """Steps for real, in 16 bits if there is a scaler; how far the weights moved, in one row."""
    stir(module)
    batches = [make_batch(module.scorer.tasks, count=2, seed=seed) for seed in range(BATCHES)]
    before_P = trained_row(module)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        limit_val_batches=0,
        gradient_clip_val=1.0,
        logger=False,
        plugins=[MixedPrecision("16-mixed", "cpu", scaler)] if scaler else [],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(batches, batch_size=None))
    return trained_row(module) - before_P


def trained_row(module):
    trained = [p.detach().flatten() for p in module.network.parameters() if p.requires_grad]
    return torch.cat(trained)


RULES = ["fixed", "nash_mtl", "pcgrad", "db_mtl"]


@pytest.mark.parametrize("rule", RULES)
def test_sixteen_bits_with_a_scaler_give_the_weights_of_thirty_two(tiny_module, rule):
    options = (TASKS, "model/adapter=lora", f"balance={rule}", "optimizer=sgd")
    expected_P = train_at(tiny_module(*options))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    found_P = train_at(tiny_module(*options), scaler)
    assert scaler.get_scale() == 2.0**8
    assert 0 < (found_P - expected_P).norm() < 1e-2 * expected_P.norm()


@pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")
@pytest.mark.parametrize("rule", RULES)
def test_steps_that_overflow_are_left_out(tiny_module, rule):
    """The scaler halves its scale at every step and moves nothing."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**60)
    module = tiny_module(TASKS, "model/adapter=lora", f"balance={rule}", "optimizer=sgd")
    assert not train_at(module, scaler).any()
    assert scaler.get_scale() == 2.0 ** (60 - BATCHES)
