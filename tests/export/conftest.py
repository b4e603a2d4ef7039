"""Run folders as train.py leaves them, of networks whose adapters do something."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from mtl_ase.base.run_files import RunFiles
from mtl_ase.build import build_module, build_network, build_tasks
from mtl_ase.training.checkpoint_files import write_checkpoint
from tests.conftest import Compose

MakeRun = Callable[..., Path]
SHIPPED = [
    "model.encoder.weights=vit_scenes",
    "model.encoder.options={patch_size:8,embed_dim:192,depth:4,num_heads:3,class_token:false}",
]
"""The small pretrained ViT, frozen."""


def stir(network: nn.Module) -> None:
    """Random numbers where training begins with zeros, so that adapters and e_t do something."""
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        if parameter.requires_grad and not parameter.any():
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    for name, buffer in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer += 0.2 * torch.rand(buffer.shape, generator=generator)


@pytest.fixture(scope="session")
def make_run(
    composed: Compose, tiny: list[str], tmp_path_factory: pytest.TempPathFactory
) -> MakeRun:
    """Makes the folder of a run of the tiny network with the given overrides; made once each."""
    made: dict[tuple[str, ...], Path] = {}

    def make(*overrides: str) -> Path:
        if overrides not in made:
            made[overrides] = _make(tmp_path_factory.mktemp("runs") / "run", overrides)
        return made[overrides]

    def _make(folder: Path, overrides: tuple[str, ...]) -> Path:
        has_vit = "experiment=mtl_resnet18" not in overrides
        base = [part for part in tiny if has_vit or not part.startswith("model.encoder.")]
        place = [f"hydra.runtime.output_dir={folder}", "hydra.mode=RUN"]
        config = composed(*base, *overrides, *place)
        files, tasks = RunFiles(folder), build_tasks(config)
        torch.manual_seed(0)
        module = build_module(config, tasks, build_network(config, tasks))
        stir(module.network)
        content: dict[str, Any] = {"state_dict": module.state_dict(), "global_step": 7}
        module.on_save_checkpoint(content)
        write_checkpoint(content, files.last)
        files.config.write_text(OmegaConf.to_yaml(config, resolve=True))
        files.metrics.write_text(json.dumps({"semseg/miou": 31.25, "edge/odsf": None}))
        return folder

    return make
