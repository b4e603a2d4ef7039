"""A task of one's own costs one short file: the luminance of the image, learnt from the image."""
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
from mtl_ase.data.image_files import read_image
from mtl_ase.data.labels import Label

# The sixth task begins.


class Luminance(Label):
    ignore = -1.0

    def paths(self, root, image_id):
        return [root / "JPEGImages" / f"{image_id}.jpg"]

    def decode(self, path, root, image_id):
        return cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255

    def ignored_stored(self, size_hw):
        return np.full(size_hw, self.ignore, np.float32)


def error(prediction, label):
    valid = label >= 0
    return torch.where(valid, (prediction - label).abs(), 0).sum() / valid.sum().clamp(1)


class LuminanceL1(nn.Module):
    def forward(self, logits_BCHW, label_BHW):
        return error(logits_BCHW[:, 0].float(), label_BHW)


class MeanError(MeanMetric):
    higher_is_better = False

    def update(self, prediction_HW, label_HW):
        super().update(error(prediction_HW, label_HW), (label_HW >= 0).sum())


HERE = __name__
CONFIG = [
    f"+data.labels.luminance={{_target_: {HERE}.Luminance}}",
    f"+tasks.luminance={{_target_: mtl_ase.tasks.Task, channels: 1, headline: error, "
    f"loss: {{_target_: {HERE}.LuminanceL1}}, metrics: {{error: {{_target_: {HERE}.MeanError}}}}, "
    "output: {_target_: mtl_ase.tasks.ValueMap, highest: 1.0, ignored: -1.0}}",
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
    assert list(tasks) == ["semseg", "edge", "luminance"]
    data = build_data(config, tasks)
    module = build_module(config, tasks, build_network(config, tasks))
    trainer = build_trainer(config)
    trainer.fit(module, datamodule=data)
    trainer.validate(module, datamodule=data, verbose=False)
    assert trainer.global_step == 2
    assert module.results["luminance/error"] > 0
    assert data.coverage()["val"]["luminance"] == len(data.dataset("val", training=False))
    logged = (tmp_path / "metrics.csv").read_text()
    assert "train/luminance/loss" in logged
    assert "val/luminance/error" in logged
    label = data.dataset("val", training=False)[0, 0].labels["luminance"].numpy()
    assert 0.05 < label.mean() < 0.95
    assert tasks["luminance"].output.colours(label).shape == (*label.shape, 3)


def test_it_is_refused_unless_trusted(composed: Callable[..., DictConfig], tiny: list[str]) -> None:
    with pytest.raises(UserError, match="outside what configs may build"):
        build_tasks(composed(*tiny, *CONFIG))
