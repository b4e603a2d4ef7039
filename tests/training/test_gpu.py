"""On a real GPU: a step in every precision, and the CPU's results."""

from __future__ import annotations

import lightning.pytorch as pl
import pytest
import torch

from mtl_ase.build import build_data, build_module, build_network, build_tasks

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
EXPERIMENTS = ["ase", "lora_moe", "naive_shared", "mtl_vit"]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_training_step(composed, tiny, experiment, precision):
    config = composed(*tiny, f"experiment={experiment}")
    tasks = build_tasks(config)
    module = build_module(config, tasks, build_network(config, tasks))
    before = {n: p.detach().clone() for n, p in module.named_parameters() if p.requires_grad}
    trainer = pl.Trainer(
        accelerator="gpu",
        devices=1,
        precision=precision,
        max_steps=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=1,
    )
    trainer.fit(module, datamodule=build_data(config, tasks))
    assert trainer.callback_metrics["train/loss"].isfinite()
    after = {n: p.detach().cpu() for n, p in module.named_parameters()}
    assert all(value.isfinite().all() for value in after.values())
    assert any(not torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_cpu_and_gpu_agree(tiny_network, experiment):
    network = tiny_network(f"experiment={experiment}").eval()
    image_BCHW = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    on_cpu = network(image_BCHW).logits
    on_gpu = network.cuda()(image_BCHW.cuda()).logits
    for name, logits in on_cpu.items():
        torch.testing.assert_close(on_gpu[name].cpu(), logits, rtol=1e-3, atol=1e-3)
