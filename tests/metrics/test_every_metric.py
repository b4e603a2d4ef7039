"""What every metric keeps to; run as a script, this file is one of the processes that share images.

N images, C channels, H W pixels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from mtl_ase.metrics import (
    RMSE,
    EdgeBCE,
    MaxF,
    MaxMeanF,
    MeanAngle,
    MeanIoU,
    MedianAngle,
    OdsF,
    RMSAngle,
    SaliencyIoU,
    ShareWithin,
)

METRICS: dict[str, Callable[[], Metric]] = {
    "mean_iou": lambda: MeanIoU(num_classes=4),
    "saliency_iou": SaliencyIoU,
    "max_f": MaxF,
    "max_mean_f": MaxMeanF,
    "max_f_of_peers": lambda: MaxF(double_sigmoid=True),
    "mean_angle": MeanAngle,
    "median_angle": MedianAngle,
    "rms_angle": RMSAngle,
    "share_within": lambda: ShareWithin(degrees=60),
    "rmse": RMSE,
    "edge_bce": EdgeBCE,
    "ods_f": lambda: OdsF(num_thresholds=9),
    "ods_f_of_crests": lambda: OdsF(num_thresholds=9, ends=True, strict=True, nms=True),
}
ANGLES = {"mean_angle", "median_angle", "rms_angle", "share_within"}
every_metric = pytest.mark.parametrize("name", METRICS)
no_update_is_fine = pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")


def make_image(name: str, seed: int, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
    """A random prediction and label with some ignored pixels; each image has a size of its own."""
    generator = torch.Generator().manual_seed(seed)
    size = size or (11 + seed % 7, 9 + seed % 5)
    ignored_HW = torch.rand(size, generator=generator) < 0.2
    if name in ANGLES:
        prediction, label = torch.randn(2, 3, *size, generator=generator)
        label = torch.nn.functional.normalize(label, dim=0).masked_fill(ignored_HW, 0.0)
        return torch.nn.functional.normalize(prediction, dim=0), label
    if name == "rmse":
        prediction, label = torch.rand(2, *size, generator=generator)
        return prediction, label.masked_fill(ignored_HW, 0.0)
    classes = 4 if name == "mean_iou" else 2
    label = torch.randint(0, classes, size, generator=generator, dtype=torch.uint8)
    label = label.masked_fill(ignored_HW, 255)
    if name == "mean_iou":
        return torch.randint(0, classes, size, generator=generator), label
    return torch.rand(size, generator=generator), label


def ignore_all(label: Tensor) -> Tensor:
    return torch.zeros_like(label) if label.is_floating_point() else torch.full_like(label, 255)


def updated(name: str, seeds: range | list[int]) -> Metric:
    metric = METRICS[name]()
    for seed in seeds:
        metric.update(*make_image(name, seed))
    return metric


@every_metric
@no_update_is_fine
def test_no_image_gives_nan(name):
    result = METRICS[name]().compute()
    assert result.shape == ()
    assert result.isnan()


@every_metric
def test_images_without_a_label_change_nothing(name):
    metric = METRICS[name]()
    prediction, label = make_image(name, seed=0)
    metric.update(prediction, ignore_all(label))
    assert metric.compute().isnan()
    metric.update(prediction, label)
    expected = updated(name, [0]).compute()
    metric.update(prediction, ignore_all(label))
    assert torch.equal(metric.compute(), expected)


@every_metric
def test_predictions_at_ignored_pixels_change_nothing(name):
    prediction, label = make_image(name, seed=1)
    if name == "ods_f_of_crests":
        pytest.skip("crests depend on what lies beside them")
    if name == "ods_f":  # lines that pass through ignored pixels are thinned with them
        label[:, :4] = 255
        prediction[:, 2:4] = 0
        ignored_HW = torch.zeros_like(label, dtype=torch.bool)
        ignored_HW[:, 0] = True
    else:
        ignored_HW = label == (0 if name == "rmse" else 255)
        if name in ANGLES:
            ignored_HW = (label == 0).all(dim=0)
    other = torch.where(ignored_HW, prediction.flip(-2), prediction)
    first, second = METRICS[name](), METRICS[name]()
    first.update(prediction, label)
    second.update(other, label)
    assert not torch.equal(prediction, other)
    assert torch.equal(first.compute(), second.compute())


@every_metric
def test_images_of_one_pixel(name):
    metric = METRICS[name]()
    for seed in range(6):
        metric.update(*make_image(name, seed, size=(1, 1)))
    assert metric.compute().isfinite()


@every_metric
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_result_does_not_depend_on_how_images_are_split(name, groups):
    expected = updated(name, range(10)).compute()
    merged = updated(name, range(0, 10, groups))
    for group in range(1, groups):
        merged.merge_state(updated(name, range(group, 10, groups)))
    assert torch.equal(merged.compute(), expected)
    backwards = updated(name, list(range(9, -1, -1)))
    assert torch.equal(backwards.compute(), expected)


@every_metric
def test_sums_are_integers(name):
    for state in updated(name, range(2)).metric_state.values():
        assert state.dtype == torch.int64


@every_metric
def test_reset_forgets(name):
    metric = updated(name, range(3))
    metric.reset()
    metric.update(*make_image(name, 5))
    assert torch.equal(metric.compute(), updated(name, [5]).compute())


@every_metric
def test_half_precision_predictions_are_taken(name):
    prediction, label = make_image(name, seed=2)
    metric = METRICS[name]()
    metric.update(prediction.bfloat16() if prediction.is_floating_point() else prediction, label)
    assert metric.compute().isfinite()


@every_metric
def test_scores_of_many_samples_at_once(name):
    """What the bootstrap does: counts with leading axes give as many scores."""
    metric = METRICS[name]()
    counts_IK = torch.stack(metric.count_all([make_image(name, seed) for seed in range(6)]))
    assert counts_IK.dtype == torch.int64
    together = metric.score(counts_IK.reshape(2, 3, -1).sum(1))
    for half, seeds in enumerate((range(3), range(3, 6))):
        assert torch.equal(together[half], updated(name, seeds).compute())
    assert metric.score(torch.zeros_like(counts_IK)).isnan().all()


@every_metric
@pytest.mark.parametrize("count", [7, 10])
def test_known_counts_are_taken_in_batches_of_any_size(name, count):
    images = [make_image(name, seed) for seed in range(count)]
    expected = updated(name, range(count)).compute()
    for batch_size in (1, 3, count):
        metric = METRICS[name]()
        for start in range(0, count, batch_size):
            batch = images[start : start + batch_size]
            for image, counts_K in zip(batch, metric.count_all(batch), strict=True):
                metric.update(*image, counts_K)
        assert torch.equal(metric.compute(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 3])
def test_processes_agree_with_one(tmp_path, world):
    """Gloo; of 7 and of 10 images process r sees images r, r + world and so on."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(tmp_path), str(world)]
    processes = [subprocess.Popen([*command, str(rank)], env=environment) for rank in range(world)]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0] * world
    finally:
        for process in processes:
            process.kill()
    expected = {
        f"{name} {count}": updated(name, range(count)).compute().item()
        for name in METRICS
        for count in (7, 10)
    }
    for rank in range(world):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == expected


def run_process(folder: Path, world: int, rank: int) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=(folder / "store").as_uri(), rank=rank, world_size=world
    )
    results = {
        f"{name} {count}": updated(name, range(rank, count, world)).compute().item()
        for name in METRICS
        for count in (7, 10)
    }
    (folder / f"{rank}.json").write_text(json.dumps(results))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    run_process(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
