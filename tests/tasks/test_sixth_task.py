"""A sixth task costs one short file: depth in metres, from the scenes' depth maps."""
# ruff: noqa: D101, D102

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from torch import nn
from torchmetrics import MeanMetric

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_module, build_network, build_tasks, build_trainer
from mtl_ase.data.labels import Label
from mtl_ase.data.labels.files import read_png

# The sixth task begins.


class Depth(Label):
    ignore = 0.0

    def paths(self, root, image_id):
        return [root / "depth" / f"{image_id}.png"]

    def decode(self, path, root, image_id):
        return read_png(path, cv2.IMREAD_UNCHANGED).astype(np.float32) / 1000

    def ignored_stored(self, size_hw):
        return np.zeros(size_hw, np.float32)


def error(prediction, label):
    return torch.where(label > 0, (prediction - label).abs(), 0).sum() / (label > 0).sum().clamp(1)


class DepthL1(nn.Module):
    def forward(self, logits_BCHW, label_BHW):
        return error(logits_BCHW[:, 0].float(), label_BHW)


class MeanError(MeanMetric):
    higher_is_better = False

    def update(self, prediction_HW, label_HW):
        super().update(error(prediction_HW, label_HW), (label_HW > 0).sum())


def metres(logits_CHW):
    return logits_CHW[0]


HERE = __name__
CONFIG = [
    f"+data.labels.depth={{_target_: {HERE}.Depth}}",
    f"+tasks.depth={{_target_: mtl_ase.tasks.Task, name: depth, channels: 1, headline: error, "
    f"loss: {{_target_: {HERE}.DepthL1}}, metrics: {{error: {{_target_: {HERE}.MeanError}}}}, "
    f"activation: {{_target_: {HERE}.metres, _partial_: true}}, "
    "colours: {_target_: mtl_ase.tasks.depth_colours, _partial_: true}}",
]
# The sixth task ends.


def test_the_sixth_task_takes_at_most_thirty_lines() -> None:
    text = Path(__file__).read_text()
    own = text.split("# The sixth task begins.\n")[1].split("# The sixth task ends.\n")[0]
    assert len([line for line in own.splitlines() if line.strip()]) <= 30


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_the_sixth_task_trains(
    composed: Callable[..., DictConfig], tiny: list[str], tmp_path: Path
) -> None:
    config = composed(
        *tiny,
        "tasks=[semseg,edge]",
        *CONFIG,
        "trainer.max_steps=2",
        f"hydra.runtime.output_dir={tmp_path}",
        "callbacks={}",
    )
    tasks = build_tasks(config, trusted=(f"{HERE}.",))
    assert list(tasks) == ["semseg", "edge", "depth"]
    data = build_data(config, tasks)
    module = build_module(config, tasks, build_network(config, tasks))
    trainer = build_trainer(config)
    trainer.fit(module, datamodule=data)
    trainer.validate(module, datamodule=data, verbose=False)
    assert trainer.global_step == 2
    assert module.results["depth/error"] > 0
    assert data.coverage()["val"]["depth"] == len(data.dataset("val", training=False))
    logged = (tmp_path / "metrics.csv").read_text()
    assert "train/depth/loss" in logged
    assert "val/depth/error" in logged
    label = data.dataset("val", training=False)[0, 0].labels["depth"].numpy()
    assert 0.5 < label[label > 0].mean() < 100
    assert tasks["depth"].colours(label).shape == (*label.shape, 3)


def test_it_is_refused_unless_trusted(composed: Callable[..., DictConfig], tiny: list[str]) -> None:
    with pytest.raises(UserError, match="outside what configs may build"):
        build_tasks(composed(*tiny, *CONFIG))
