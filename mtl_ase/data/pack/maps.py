"""Names of the maps that a pack holds of every image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mtl_ase.data.labels import Label
from mtl_ase.data.labels.label import Array

TRUTH = ".truth"
"""Suffix of the map for scoring, where it differs from the training target."""


def map_names(labels: Mapping[str, Label]) -> list[str]:
    """A map for the training target of every task, and one for scoring where it differs."""
    names = []
    for task, label in labels.items():
        names.append(task)
        if label.truth_differs:
            names.append(task + TRUTH)
    return names


def map_name(task: str, label: Label, truth: bool) -> str:
    """The name of a task's map for scoring (`truth`) or for training."""
    return task + TRUTH if truth and label.truth_differs else task


def decode_map(labels: Mapping[str, Label], name: str, root: Path, image_id: str) -> Array | None:
    """Decode a map of an image from its label files; None where it is unlabelled."""
    task = name.removesuffix(TRUTH)
    return labels[task].read_stored(root, image_id, truth=name.endswith(TRUTH))
