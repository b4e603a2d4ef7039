"""Training with torch.compile: the same losses, the same checkpoints, validation as written."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest
import torch

from mtl_ase.build import build_module, build_network, build_tasks
from mtl_ase.training import MultiTaskModule
from tests.conftest import Compose
from tests.model.batches import make_batch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning"),  # torch's own
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler"),
]


def module_of(composed: Compose, tiny: list[str], *overrides: str) -> MultiTaskModule:
    torch.manual_seed(0)
    config = composed(*tiny, "experiment=ase_finegrained", *overrides)
    tasks = build_tasks(config)
    return build_module(config, tasks, build_network(config, tasks))


def losses(module: MultiTaskModule, steps: int = 3) -> list[float]:
    """Summed losses and regularisers of a few steps of gradient descent."""
    values = []
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, 0.1)
    batch = make_batch(module.tasks)
    for step in range(steps):
        torch.manual_seed(step)
        logits, routing = module.network(batch.image_BCHW)
        parts = [module.losses[name](logits[name], batch.labels[name]) for name in module.tasks]
        parts += [part(routing) for part in module.regularisers.values() if routing]
        torch.stack(parts).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        values.append(float(sum(parts)))
    return values


@pytest.mark.parametrize(
    "overrides", [(), ("model/adapter=mtl_lora",), ("experiment=mtl_vit",)], ids="-".join
)
def test_losses_and_weights_are_the_same(
    composed: Compose, tiny: list[str], overrides: Sequence[str]
) -> None:
    noiseless = ["model.adapter.noise_std=0"] if not overrides else []  # random numbers may differ
    plain = module_of(composed, tiny, *overrides, *noiseless)
    compiled = module_of(composed, tiny, *overrides, *noiseless, "training.compiled=true")
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-5)
    state = compiled.state_dict()
    assert list(state) == list(plain.state_dict())
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(
            state[name], value, rtol=1e-3, atol=1e-4, msg=lambda said, name=name: f"{name}: {said}"
        )


def test_validation_is_as_written(composed: Compose, tiny: list[str]) -> None:
    module = module_of(composed, tiny, "training.compiled=true").eval()
    seen: list[bool] = []
    block = module.network.encoder.blocks[0]
    block.register_forward_hook(lambda *_: seen.append(torch.compiler.is_compiling()))
    batch = make_batch(module.tasks)
    with torch.inference_mode():
        module.validation_step(batch, 0)
    assert seen == [False]
