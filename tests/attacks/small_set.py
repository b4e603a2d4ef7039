"""A small data set with semseg and edges, and its data module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtl_ase.data import Augmentation, DataModule
from mtl_ase.data.labels import Label
from tests.data.layout import LABELS, write_image, write_label_map, write_palette_png, write_split

SIZE = (16, 24)
IDS = ["a", "b", "c"]


def make_set(root: Path, image_ids: Sequence[str] = IDS) -> Path:
    """Images in both splits; the k-th is of class k on the left, k + 5 on the right."""
    for split in ("train", "val"):
        write_split(root, split, image_ids)
    for number, image_id in enumerate(image_ids):
        write_image(root, image_id, SIZE, number)
        ids = np.full(SIZE, number)
        ids[:, 9:] = number + 5
        write_palette_png(root / f"semseg/VOC12/{image_id}.png", ids)
        write_label_map(root, image_id, ids)
    return root


def module(root: Path | str, labels: Mapping[str, Label] = LABELS, **changes: Any) -> DataModule:
    """Its data module, without anything random."""
    recipe = Augmentation(0, 0, (1, 1))
    arguments: dict[str, Any] = {"num_workers": 0, "pack": "use", **changes}
    return DataModule("small", str(root), labels, SIZE, 1, recipe, **arguments)
