"""Numbers at their ends: nothing to learn, nothing to score, no finite loss, few bits."""

from __future__ import annotations

import csv
import json
import math
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from torch import Tensor, nn

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_module, build_network, build_tasks, build_trainer
from mtl_ase.commands.train import train
from mtl_ase.evaluation import PredictionFiles
from mtl_ase.metrics import MeanIoU, OdsF, SaliencyIoU
from mtl_ase.training.finite_losses import NonfiniteLoss
from tests.conftest import NUM_TRAIN, NUM_VAL, Compose

Run = Callable[..., Path]


class Spoilt(nn.Module):
    """A loss that is no finite number from the second step on."""

    def __init__(self, pos_weight: float | None, kind: str) -> None:
        super().__init__()
        self.kind, self.calls = kind, 0

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """The mean, then the mean of something else."""
        self.calls += 1
        return logits.mean() * (1.0 if self.calls == 1 else float(self.kind))


@pytest.fixture
def trained(composed: Compose, tiny: list[str], tmp_path: Path) -> Run:
    """Trains the tiny network in this process; gives the run folder."""

    def run(*overrides: str, trusted: tuple[str, ...] = ()) -> Path:
        folder = tmp_path / "run"
        typed = [f"run_dir={folder}", f"hydra.runtime.output_dir={folder}", "hydra.mode=RUN"]
        steps = ["trainer.max_steps=2", "report.num_sheets=0"]
        config = composed(*tiny, *typed, *steps, *overrides)
        assert HydraConfig.get().runtime.output_dir == str(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            train(config, trusted)
        return folder

    return run


def metrics(folder: Path) -> dict[str, float | None]:
    found: dict[str, float | None] = json.loads((folder / "metrics.json").read_text())
    return found


def weights(folder: Path, name: str = "last") -> dict[str, Tensor]:
    content = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    found: dict[str, Tensor] = content["state_dict"]
    return found


@pytest.mark.parametrize(
    "best",
    [
        pytest.param([], id="with best"),
        pytest.param(["callbacks.best=null"], id="without best", marks=pytest.mark.slow),
    ],
)
def test_no_validation(trained: Run, best: list[str]) -> None:
    """What can't be known is null, and the last checkpoint is the best there is."""
    folder = trained("trainer.limit_val_batches=0", *best)
    assert (folder / "DONE").exists()
    found = metrics(folder)
    assert "semseg/miou" in found
    assert set(found.values()) == {None}
    last, kept = weights(folder), weights(folder, "best")
    assert all(torch.equal(last[key], kept[key]) for key in last)


def spoilt(kind: str) -> list[str]:
    return [
        f"tasks.saliency.loss._target_={__name__}.Spoilt",
        f"+tasks.saliency.loss.kind='{kind}'",
    ]


@pytest.mark.parametrize("kind", ["nan", pytest.param("inf", marks=pytest.mark.slow)])
def test_one_task_is_not_finite(kind: str, trained: Run, tmp_path: Path) -> None:
    """The run stops, names task and images, and the weights before are saved."""
    steps = ["callbacks.last.every_n_steps=1", "trainer.max_steps=4"]
    with pytest.raises(NonfiniteLoss, match=r"loss of saliency is not finite on images train_"):
        trained(*spoilt(kind), *steps, trusted=("tests.",))
    kept = weights(tmp_path / "run")
    assert all(torch.isfinite(value).all() for value in kept.values())
    assert not (tmp_path / "run" / "DONE").exists()


@pytest.mark.slow
def test_one_task_is_never_finite_and_left_out(trained: Run) -> None:
    """Two in a row are too many, where one may be left out."""
    options = ["training.nonfinite=skip", "training.max_skipped=1", "trainer.max_steps=4"]
    with pytest.raises(NonfiniteLoss, match="loss of saliency"):
        trained(*spoilt("nan"), *options, trusted=("tests.",))


def test_all_tasks_are_unlabelled(trained: Run, scenes_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "bare"
    for name in ("JPEGImages", "ImageSets"):
        shutil.copytree(scenes_root / name, root / name)
    folder = trained(f"data.root={root}", "data.generator=null", "callbacks.router=null")
    assert set(metrics(folder).values()) == {None}
    with (folder / "metrics.csv").open(newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["train/loss"])
    tasks = ("semseg", "human_parts", "saliency", "normals", "edge")
    assert all(float(row[f"train/{task}/loss"]) == 0 for task in tasks)
    assert all(torch.isfinite(value).all() for value in weights(folder).values())


@pytest.fixture
def module(composed: Compose, tiny: list[str], tmp_path: Path) -> Callable[..., Any]:
    """Builds the module of a tiny run."""

    def build(*overrides: str) -> Any:
        config = composed(*tiny, f"hydra.runtime.output_dir={tmp_path}", *overrides)
        tasks = build_tasks(config)
        return build_module(config, tasks, build_network(config, tasks))

    return build


ZERO = [f"tasks.{name}.weight=0" for name in ("semseg", "human_parts", "saliency", "normals")]


def test_weight_0_of_one_task(module: Callable[..., Any]) -> None:
    """Its head learns nothing, the others do."""
    built = module("tasks.semseg.weight=0")
    logits, _ = built.network(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8))
    built.balance({name: value.square().mean() for name, value in logits.items()}).backward()
    heads = built.network.decoder.heads
    assert not any(p.grad.any() for p in heads["semseg"].parameters())
    assert any(p.grad.any() for p in heads["edge"].parameters())


def test_weight_0_of_all_tasks(module: Callable[..., Any]) -> None:
    module(*ZERO)
    with pytest.raises(
        InstantiationException, match=r"all tasks have weight 0.*tasks\.semseg\.weight=1"
    ):
        module(*ZERO, "tasks.edge.weight=0")


@pytest.mark.parametrize("split", [pytest.param("train", marks=pytest.mark.slow), "val"])
def test_an_empty_split(
    split: str, composed: Compose, tiny: list[str], scenes_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    shutil.copytree(scenes_root, root)
    (root / "ImageSets" / "Context" / f"{split}.txt").write_text("\n\n")
    config = composed(*tiny, f"data.root={root}", "data.generator=null")
    data = build_data(config, build_tasks(config))
    with pytest.raises(UserError, match=rf"{split}\.txt lists no images; restore the split list"):
        data.dataset(split, training=False)


def test_nothing_to_train_on(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"trainer\.limit_train_batches=0 leaves nothing to train"):
        trained("+trainer.limit_train_batches=0")
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_less_than_a_batch_of_validation(trained: Run, tmp_path: Path) -> None:
    """Lightning says so after the first epochs; we before."""
    with pytest.raises(UserError, match=r"trainer\.limit_val_batches=0\.1 of 2 batches is none"):
        trained("trainer.limit_val_batches=0.1")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.slow
@pytest.mark.parametrize("none", ["trainer.max_steps=0", "trainer.max_epochs=0"])
def test_no_step(none: str, trained: Run) -> None:
    """The network is scored as it is."""
    folder = trained(none)
    assert (folder / "DONE").exists()
    assert metrics(folder)["semseg/miou"] is not None


def test_a_batch_larger_than_the_set(composed: Compose, tiny: list[str]) -> None:
    config = composed(*tiny, "data.batch_size=1000")
    data = build_data(config, build_tasks(config))
    (batch,) = data.train_dataloader()
    assert len(set(batch.image_ids)) == NUM_TRAIN
    (batch,) = data.val_dataloader()
    assert len(batch.image_ids) == NUM_VAL


@pytest.mark.slow
def test_one_image(trained: Run, scenes_root: Path, tmp_path: Path) -> None:
    """Batch norm sees one image of many pixels; both splits hold it."""
    root = tmp_path / "one"
    shutil.copytree(scenes_root, root)
    for split in ("train", "val"):
        (root / "ImageSets" / "Context" / f"{split}.txt").write_text("train_000000\n")
    folder = trained(f"data.root={root}", "data.generator=null")
    assert all(torch.isfinite(value).all() for value in weights(folder).values())
    assert metrics(folder)["semseg/miou"] is not None


@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param(torch.bfloat16, id="bf16"),
        pytest.param(torch.float64, id="64", marks=pytest.mark.slow),
    ],
)
def test_weights_of_other_bits(dtype: torch.dtype, tiny_network: Callable[..., nn.Module]) -> None:
    """As `trainer.precision=bf16-true` and `64-true` have them: images are cast to them."""
    network = tiny_network("experiment=ase").to(dtype)
    logits, routing = network(torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8))
    assert all(torch.isfinite(value).all() for value in logits.values())
    assert all(value.dtype in (torch.float32, dtype) for value in logits.values())
    assert all(torch.isfinite(layer.prob_TE()).all() for layer in routing)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "16-mixed"])
def test_a_training_of_other_bits(precision: str, trained: Run) -> None:
    folder = trained(f"trainer.precision={precision}")
    assert (folder / "DONE").exists()
    assert all(torch.isfinite(value).all() for value in weights(folder).values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule", ["gradnorm", "db_mtl", "moco", "excess_mtl", "graddrop", "gradvac"]
)
def test_rules_remember_gradients_of_few_bits_in_more(rule: str, trained: Run) -> None:
    folder = trained("trainer.precision=bf16-true", f"balance={rule}")
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    kept = [value for key, value in content["state_dict"].items() if key.startswith("balances.")]
    assert any(value.any() for value in kept)
    assert all(value.dtype != torch.bfloat16 and value.isfinite().all() for value in kept)


def test_half_precision_on_a_cpu_is_said_to_be_another(
    composed: Compose, tiny: list[str], tmp_path: Path
) -> None:
    """Lightning takes bf16-mixed instead, and the user is told."""
    output = f"hydra.runtime.output_dir={tmp_path}"
    config = composed(*tiny, output, "trainer.precision=16-mixed")
    with pytest.warns(UserWarning, match="AMP with fp16 is not supported on CPU"):
        trainer = build_trainer(config)
    assert trainer.precision == "bf16-mixed"


@pytest.mark.slow
def test_a_huge_learning_rate(trained: Run, tmp_path: Path) -> None:
    """The loss is noticed before it reaches the weights; the state before is kept."""
    options = ["training.optimizer.lr=1e30", "callbacks.last.every_n_steps=1"]
    with pytest.raises(NonfiniteLoss, match="lower the learning rate"):
        trained(*options, "trainer.max_steps=4")
    assert not (tmp_path / "run" / "DONE").exists()
    kept = weights(tmp_path / "run")
    assert all(torch.isfinite(kept[key]).all() for key in kept if "running_" not in key)


@pytest.mark.slow
def test_a_learning_rate_of_0(trained: Run) -> None:
    """Steps are counted and logged, and no weight moves; batch norm's averages do."""
    before, after = (
        weights(trained("training.optimizer.lr=0", f"trainer.max_steps={steps}", "resume=auto"))
        for steps in (1, 2)
    )
    kept = [key for key in before if "running_" not in key and "num_batches" not in key]
    assert any("classifier" in key for key in kept)
    assert all(torch.equal(before[key], after[key]) for key in kept)


@pytest.mark.parametrize("seed", [-1, pytest.param(2**32, marks=pytest.mark.slow)])
def test_a_seed_out_of_range(seed: int, trained: Run) -> None:
    with pytest.raises(UserError, match=rf"seed={seed} does not fit; it takes int from 0 to"):
        trained(f"seed={seed}")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.augmentation.rotation", "inf"),
        pytest.param(
            "training.regularisers.mutual_information.weight", "nan", marks=pytest.mark.slow
        ),
        pytest.param(
            "training.regularisers.mutual_information.weight", "-1", marks=pytest.mark.slow
        ),
    ],
)
def test_a_value_that_is_no_number(key: str, value: str, trained: Run) -> None:
    with pytest.raises(UserError, match=rf"{key}={value} does not fit .* float from 0 on"):
        trained(f"{key}={value}")


def test_one_class_only() -> None:
    """All background: the mean is over the classes that occur, here or in the prediction."""
    label_HW = torch.zeros(8, 8, dtype=torch.uint8)
    miou = MeanIoU(21)
    miou.update(label_HW.long(), label_HW)
    assert miou.compute() == 100
    saliency = SaliencyIoU()
    saliency.update(torch.zeros(8, 8), label_HW)
    assert not math.isinf(saliency.compute())
    edge = OdsF()
    edge.update(torch.zeros(8, 8), label_HW)
    assert not math.isinf(edge.compute())


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_predictions_that_are_not_finite(number: float, composed: Compose, tmp_path: Path) -> None:
    (tmp_path / "saliency").mkdir()
    np.save(tmp_path / "saliency" / "a.npy", np.full((4, 4), number))
    tasks = build_tasks(composed("tasks=[saliency]"))
    with pytest.raises(UserError, match="not finite; write it again"):
        PredictionFiles(tmp_path, tasks).read("saliency", "a", (4, 4))


def test_an_image_of_one_patch(tiny_network: Callable[..., nn.Module]) -> None:
    network = tiny_network("data.image_size=[16,16]").eval()
    logits, _ = network(torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8))
    assert all(value.shape[-2:] == (16, 16) for value in logits.values())
    assert all(torch.isfinite(value).all() for value in logits.values())
    with pytest.raises(InstantiationException, match="no multiple of the patch size"):
        tiny_network("data.image_size=[8,8]")


@pytest.mark.slow
def test_more_sheets_than_images(trained: Run) -> None:
    folder = trained("report.num_sheets=100")
    assert list((folder / "predictions").iterdir())
