"""One training step: the loss that the paper writes down, and how batches add up."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mtl_ase.data import Batch
from mtl_ase.losses import MutualInformation
from mtl_ase.training import module as training_module
from mtl_ase.training.finite_losses import NonfiniteLoss
from tests.model.batches import make_batch

EXPERIMENTS = ["ase", "lora_moe", "naive_shared", "mtl_vit"]


@pytest.fixture
def build(tiny_module):
    """Builds the module of overrides, and a made batch of four."""

    def make(*overrides):
        module = tiny_module(*overrides)
        return module, make_batch(module.scorer.tasks, count=4)

    return make


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_loss_is_the_weighted_sum_and_the_regulariser(build, experiment):
    module, batch = build(f"experiment={experiment}")
    module.eval()
    outputs = module.training_step(batch, 0)
    logits, routing = module.network(batch.image_BCHW)
    weights = {"semseg": 1, "human_parts": 2, "saliency": 5, "normals": 10, "edge": 50}
    tasks = module.scorer.tasks
    expected = sum(
        weight * tasks[name].loss(logits[name], batch.labels[name])
        for name, weight in weights.items()
    )
    for layer in routing:
        expected = expected + 0.005 * MutualInformation(1.0)([layer])
    torch.testing.assert_close(outputs["loss"], expected)
    assert len(outputs["routing"]) == len(routing)
    names = {"train/loss", *(f"train/{name}/loss" for name in weights)}
    names |= {"train/router/loss"} if routing else set()
    assert module.logged.keys() == names
    assert not any(value.requires_grad for value in module.logged.values())


def test_the_regulariser_can_be_switched_off(build):
    on, batch = build("training.regularisers.mutual_information.weight=1000")
    off, _ = build("training.regularisers.mutual_information.weight=0")
    a, b = (module.eval().training_step(batch, 0)["loss"] for module in (on, off))
    assert not torch.isclose(a, b)


def gradients(module, batches):
    module.zero_grad()
    for batch in batches:
        (module.training_step(batch, 0)["loss"] / len(batches)).backward()
    return {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}


def halves(batch):
    for part in (slice(0, 2), slice(2, 4)):
        labels = {name: label[part] for name, label in batch.labels.items()}
        yield Batch(batch.image_ids[part], batch.image_BCHW[part], labels)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_two_batches_of_two_add_up_to_one_of_four(build, experiment):
    """Where nothing looks at the whole batch, as batch norm or the regulariser do."""
    module, batch = build(
        f"experiment={experiment}",
        "tasks=[semseg,normals,edge]",
        "training.regularisers.mutual_information.weight=0",
    )
    module.eval()
    for parameter in module.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
    whole, parts = gradients(module, [batch]), gradients(module, list(halves(batch)))
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-3, atol=1e-5)


def test_an_unlabelled_task_gives_its_head_no_gradient(build):
    module, batch = build()
    labels = batch.labels | {"semseg": torch.full_like(batch.labels["semseg"], 255)}
    module.training_step(batch._replace(labels=labels), 0)["loss"].backward()
    for name, head in module.network.decoder.heads.items():
        assert all(p.grad.any() for p in head.classifier.parameters()) == (name != "semseg")


class Broken(nn.Module):
    """A loss that is not a number."""

    def forward(self, logits, label):
        """What 0 / 0 gives."""
        return logits.sum() * float("nan")


LEFT_OUT = r"the loss of edge is not finite .* the batch is left out"


def test_a_batch_is_left_out(build):
    module, batch = build("training.nonfinite=skip")
    module.losses["edge"] = Broken()
    with pytest.warns(UserWarning, match=LEFT_OUT):
        assert module.training_step(batch, 0) is None
    assert module.logged["train/loss"].isnan()


def test_a_batch_that_several_processes_leave_out_costs_nothing(build, monkeypatch):
    """All gradients are 0, and there: the other processes wait for them."""
    module, batch = build("training.nonfinite=skip")
    module.losses["edge"] = Broken()
    monkeypatch.setattr(training_module, "num_processes", lambda: 2)
    with pytest.warns(UserWarning, match=LEFT_OUT):
        outputs = module.training_step(batch, 0)
    assert outputs["loss"].item() == 0
    assert outputs["routing"] == []
    outputs["loss"].backward()
    for name, parameter in module.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or not parameter.grad.any(), name


def test_a_loss_that_is_no_number_is_raised_before_the_weights_change(build):
    module, batch = build()
    module.losses["edge"] = Broken()
    module.training_step(batch, 0)["loss"].backward()
    with pytest.raises(NonfiniteLoss, match="the loss of edge is not finite"):
        module.on_before_optimizer_step(None)
