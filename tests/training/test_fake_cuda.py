"""A rehearsal on a GPU that is not there: one training step on tensors without data.

Fake tensors have a device, a shape and a type, and raise where real ones would on mixed devices.
"""

from __future__ import annotations

import contextlib
import copy

import pytest
import torch
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensor, FakeTensorMode

from mtl_ase.losses import BalancedBCE
from mtl_ase.model.adapters import NoisyRouter
from mtl_ase.tools.saved_memory import move_to_gpu
from mtl_ase.training import parameter_groups
from tests.model.batches import make_batch
from tests.training.backward import backward

EXPERIMENTS = [
    "ase",
    "ase_finegrained",
    "ase_finest",
    "lora_moe",
    "lora_moe_renormalised",
    "naive_shared",
    "mtl_vit",
]
QUICK = ("ase_finegrained", "mtl_vit")
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}


@pytest.fixture
def pretended_gpu(monkeypatch):
    """Without a GPU autocast would switch itself off; fake tensors need none."""
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda *_: True)


@pytest.fixture
def on_fake_cuda(tiny_module, pretended_gpu):
    """Builds the fake mode, module and batch of an experiment."""

    def build(experiment):
        module = tiny_module(f"experiment={experiment}")
        module.log = lambda *_, **__: None
        module.guard.accepts = lambda *_: True  # tensors without data are not finite or otherwise
        batch = make_batch(module.scorer.tasks)
        mode = FakeTensorMode()
        with FakeCopyMode(mode):
            module, batch = copy.deepcopy((module, batch))
        with mode:
            labels = {name: label.to("cuda") for name, label in batch.labels.items()}
            batch = batch._replace(image_BCHW=batch.image_BCHW.to("cuda"), labels=labels)
            move_to_gpu(module)
            return mode, module, batch

    return build


def step(module, batch, dtype):
    """Forward, backward and optimiser step; what training_step returned."""
    optimizer = module.make_optimizer(parameter_groups(module.network))
    autocast = torch.autocast("cuda", dtype) if dtype else contextlib.nullcontext()
    with autocast:
        outputs = module.training_step(batch, 0)
    backward(outputs["loss"])
    optimizer.step()
    return outputs


@pytest.mark.parametrize("dtype", PRECISIONS.values(), ids=PRECISIONS)
@pytest.mark.parametrize(
    "experiment",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXPERIMENTS],
)
def test_a_training_step_stays_on_the_gpu(on_fake_cuda, experiment, dtype):
    mode, module, batch = on_fake_cuda(experiment)
    with mode:
        outputs = step(module, batch, dtype)
        assert outputs["loss"].device.type == "cuda"
        assert outputs["loss"].dtype == torch.float32
        for name, parameter in module.named_parameters():
            assert isinstance(parameter, FakeTensor), name
            assert parameter.device.type == "cuda", name
            assert (parameter.grad is not None) == parameter.requires_grad, name
            assert parameter.grad is None or parameter.grad.device.type == "cuda", name
        if experiment != "mtl_vit":
            statistics = [router.gate_TE() for router in outputs["routing"]]
            assert [gate_TE.device.type for gate_TE in statistics] == ["cuda"] * 2
            assert [gate_TE.shape[0] for gate_TE in statistics] == [5] * 2


@pytest.mark.parametrize("experiment", ["ase", "mtl_vit"])
def test_backward_by_hand_is_right(tiny_module, experiment):
    """On real tensors the rehearsal's backward gives the gradients of torch's own."""
    module = tiny_module(f"experiment={experiment}")
    loss = module.training_step(make_batch(module.scorer.tasks), 0)["loss"]
    loss.backward(retain_graph=True)
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    expected = {name: p.grad for name, p in trained.items()}
    module.zero_grad()
    backward(loss)
    for name, parameter in trained.items():
        torch.testing.assert_close(parameter.grad, expected[name])


def test_autocast_is_really_on(on_fake_cuda):
    mode, module, batch = on_fake_cuda("ase")
    with mode, torch.autocast("cuda", torch.bfloat16):
        (map_TBDHW,), _ = module.network.encoder(batch.image_BCHW)
        down_RD = module.network.encoder.blocks[0].adapters["ffn"].down_RD
        hidden = torch.nn.functional.linear(map_TBDHW.movedim(2, -1), down_RD)
    assert hidden.dtype == torch.bfloat16


def wrong_mask(self, logits_BCHW, label_BHW):
    return (logits_BCHW * torch.ones(logits_BCHW.shape[-1])).sum()


def wrong_noise(self, x_TBLD):
    logits_TBLE = torch.einsum("tbld,tde->tble", x_TBLD, self.logits_TDE)
    return logits_TBLE + torch.randn(logits_TBLE.shape)


@pytest.mark.parametrize(("kind", "wrong"), [(BalancedBCE, wrong_mask), (NoisyRouter, wrong_noise)])
def test_a_tensor_made_on_the_wrong_device_is_noticed(on_fake_cuda, monkeypatch, kind, wrong):
    mode, module, batch = on_fake_cuda("ase")
    monkeypatch.setattr(kind, "forward", wrong)
    with mode, pytest.raises(RuntimeError, match="device"):
        step(module, batch, None)


def test_labels_left_on_the_cpu_are_noticed(on_fake_cuda):
    mode, module, batch = on_fake_cuda("ase")
    with mode:
        labels = {name: label.to("cpu") for name, label in batch.labels.items()}
    with mode, pytest.raises(RuntimeError, match="device"):
        step(module, batch._replace(labels=labels), None)
