"""The browse_data command: contact sheets of samples before and after augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from omegaconf import DictConfig
from PIL import Image

from mtl_ase.build import build_data, build_tasks
from mtl_ase.commands.options import make_folder
from mtl_ase.data import Sample
from mtl_ase.data.image_files import read_image
from mtl_ase.report import compose_sheet, draw_legend
from mtl_ase.tasks import Picture, Task

SAMPLES_PER_SHEET = 4


def browse_data(config: DictConfig, out: Path, count: int, epoch: int) -> list[Path]:
    """Write contact sheets of training samples: one row as stored, one row augmented.

    Args:
        config: the whole config; `data` and `tasks` are used.
        out: folder of the sheets, created if needed.
        count: number of samples, evenly spaced over the training split.
        epoch: epoch whose random augmentation is shown.

    Returns:
        The written files.
    """
    tasks = build_tasks(config)
    data = build_data(config, tasks)
    before, after = (data.dataset("train", training) for training in (False, True))
    chosen = np.linspace(0, len(before) - 1, min(count, len(before))).astype(int).tolist()
    make_folder(out, "--out")
    paths = []
    for number, start in enumerate(range(0, len(chosen), SAMPLES_PER_SHEET)):
        rows = []
        for index in chosen[start : start + SAMPLES_PER_SHEET]:
            path = data.layout.image_path(before.root, before.image_ids[index])
            rows.append([read_image(path), *_labels(tasks, before[0, index])])
            warped = after[epoch, index]
            rows.append([warped.image_CHW.numpy().transpose(1, 2, 0), *_labels(tasks, warped)])
        sheet = compose_sheet(["image", *tasks], rows)
        sheet = np.concatenate([sheet, draw_legend(tasks, sheet.shape[1])])
        paths.append(out / f"samples_{number:02d}.png")
        Image.fromarray(sheet).save(paths[-1])
    return paths


def _labels(tasks: Mapping[str, Task], sample: Sample) -> list[Picture]:
    return [task.output.colours(sample.labels[name].numpy()) for name, task in tasks.items()]
