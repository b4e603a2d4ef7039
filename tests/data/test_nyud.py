"""NYUD-v2: another folder layout and another set of labels, through the same reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from mtl_ase.base.errors import BadFile
from mtl_ase.build import build_data, build_module, build_network, build_tasks
from mtl_ase.data import DataModule
from tests.data.layout import write_png

SIZE = (48, 64)
IDS = {"train": ["0001", "0002", "0003"], "val": ["0004", "0005"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five made images with all four labels."""
    rng = np.random.default_rng(0)
    for split, image_ids in IDS.items():
        path = tmp_path / "gt_sets" / f"{split}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{image_id}\n" for image_id in image_ids))
        for image_id in image_ids:
            write_png(tmp_path / f"images/{image_id}.png", rng.integers(0, 256, (*SIZE, 3)))
            ids = np.repeat(rng.integers(0, 41, (1, 64)), 48, 0).astype(np.uint8)
            write_png(tmp_path / f"segmentation/{image_id}.png", ids)
            edge = np.where(np.arange(64) % 16 == 0, 255, 0).astype(np.uint8)
            write_png(tmp_path / f"edge/{image_id}.png", np.repeat(edge[None], 48, 0))
            plane = np.full((*SIZE, 3), (128, 128, 255), np.uint8)
            write_png(tmp_path / f"normals/{image_id}.png", plane)
            (tmp_path / "depth").mkdir(exist_ok=True)
            metres = np.linspace(0, 9, 48 * 64).reshape(SIZE).astype(np.float32)
            np.save(tmp_path / f"depth/{image_id}.npy", metres)
    return tmp_path


@pytest.fixture
def config(root: Path, composed: Callable[..., DictConfig]) -> DictConfig:
    return composed(
        "setting=nyud",
        f"data.root={root}",
        "data.image_size=[48,64]",
        "data.num_workers=0",
        "model/decoder=light",
        "model.encoder.pretrained=false",
        "model.encoder.name=vit_tiny_patch16_224",
        "model.encoder.options={embed_dim:48,depth:2,num_heads:2}",
        "hydra.runtime.output_dir=nowhere",
    )


def test_labels_mean_what_they_say(config: DictConfig, root: Path) -> None:
    data: DataModule = build_data(config, build_tasks(config))
    sample = data.dataset("val", training=False)[0, 0]
    assert sample.image_id == "0004"
    assert {name: tuple(label.shape) for name, label in sample.labels.items()} == {
        "semseg": SIZE,
        "depth": SIZE,
        "normals": (3, *SIZE),
        "edge": SIZE,
    }
    import cv2

    stored = cv2.imread(str(root / "segmentation/0004.png"), cv2.IMREAD_UNCHANGED).astype(int)
    expected = np.where(stored == 0, 255, stored - 1)
    assert (sample.labels["semseg"].numpy() == expected).all()
    assert sample.labels["depth"].dtype == torch.float32
    assert sample.labels["depth"].max() == 9
    assert sample.labels["edge"].float().mean() == pytest.approx(1 / 16)
    assert torch.allclose(sample.labels["normals"][2], torch.tensor(1.0), atol=1e-4)


def test_packed_and_raw_agree_in_training(config: DictConfig) -> None:
    samples = []
    for pack in ("build", "never"):
        config.data.pack = pack
        data: DataModule = build_data(config, build_tasks(config))
        samples.append(data.dataset("train", training=True)[1, 2])
    first, second = samples
    assert all(torch.equal(first.labels[name], second.labels[name]) for name in first.labels)


def test_a_network_trains_on_it(config: DictConfig) -> None:
    tasks = build_tasks(config)
    assert list(tasks) == ["semseg", "depth", "normals", "edge"]
    data = build_data(config, tasks)
    module = build_module(config, tasks, build_network(config, tasks))
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    loss = module.training_step(next(iter(data.train_dataloader())), 0)["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    module.validation_step(next(iter(data.val_dataloader())), 0)
    assert set(module.scorer.compute()) >= {"depth/rmse", "semseg/miou", "edge/odsf"}


def test_a_depth_file_of_something_else_is_named(config: DictConfig, root: Path) -> None:
    (root / "depth/0004.npy").write_bytes(b"nothing")
    data: DataModule = build_data(config, build_tasks(config))
    with pytest.raises(BadFile, match=r"0004\.npy can't be read"):
        data.dataset("val", training=False)[0, 0]
    np.save(root / "depth/0004.npy", np.zeros((2, 2, 2)))
    with pytest.raises(BadFile, match="holds no map of numbers"):
        data.dataset("val", training=False)[0, 0]
