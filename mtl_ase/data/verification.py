"""Verification of a data set: every file is read once; counts and problems are reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from mtl_ase.base.errors import BadFile
from mtl_ase.data.image_files import read_image
from mtl_ase.data.labels import ClassMap, Label
from mtl_ase.data.labels.label import IGNORE, Array
from mtl_ase.data.layout import FolderLayout
from mtl_ase.data.official import official_lists
from mtl_ase.machine.processes import run_in_processes

CHUNK = 32

Job = tuple[Path, FolderLayout, dict[str, Label], list[str]]


@dataclass
class Findings:
    """Counts and problems of a set of images.

    Attributes:
        images: number of images, readable or not.
        labelled: number of readable label files, by task.
        pixels: number of pixels of every class, by task with class labels.
        unlabelled: ids of images without any label.
        problems: one sentence per problem.
    """

    images: int = 0
    labelled: Counter[str] = field(default_factory=Counter)
    pixels: dict[str, Counter[int]] = field(default_factory=dict)
    unlabelled: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Add the counts and problems of other images."""
        self.images += other.images
        self.labelled.update(other.labelled)
        for task, counts in other.pixels.items():
            self.pixels.setdefault(task, Counter()).update(counts)
        self.unlabelled += other.unlabelled
        self.problems += other.problems

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "images": self.images,
            "labelled": dict(self.labelled),
            "without_any_label": sorted(self.unlabelled),
            "class_percent": {task: percentages(counts) for task, counts in self.pixels.items()},
            "problems": sorted(self.problems),
        }


@dataclass
class Verification:
    """The report on a data set.

    Attributes:
        splits: findings by split.
        official: by published list, the number of its images that are present, and its length.
    """

    splits: dict[str, Findings]
    official: dict[str, tuple[int, int]]

    @property
    def problems(self) -> list[str]:
        """All problems, sorted, without repetitions."""
        return sorted({problem for found in self.splits.values() for problem in found.problems})

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "official_lists": {k: {"here": a, "named": b} for k, (a, b) in self.official.items()},
            "splits": {split: found.as_json() for split, found in self.splits.items()},
        }


def verify(
    root: Path,
    name: str,
    layout: FolderLayout,
    labels: Mapping[str, Label],
    splits: Sequence[str],
    workers: int,
) -> Verification:
    """Read every image and label of the splits once, in parallel.

    Args:
        root: folder of the data set.
        name: name of the data set, which selects the published split lists.
        layout: paths of images and split lists.
        labels: the labels by task.
        splits: names of the split lists to read.
        workers: number of processes.

    Raises:
        UserError: a split list is missing or malformed.
    """
    found: dict[str, Findings] = {}
    present: set[str] = set()
    for split in splits:
        image_ids = layout.read_split(root, split)
        present.update(image_ids)
        jobs: list[Job] = [
            (root, layout, dict(labels), image_ids[start : start + CHUNK])
            for start in range(0, len(image_ids), CHUNK)
        ]
        findings = Findings(labelled=Counter(dict.fromkeys(labels, 0)))
        done = run_in_processes(examine, jobs, workers)
        for part in track(done, f"verifying {split}", total=len(jobs), transient=True):
            findings.add(part)
        found[split] = findings
    official = official_lists(name)
    counts = {key: (len(present & set(ids)), len(ids)) for key, ids in official.items()}
    return Verification(found, counts)


def examine(job: Job) -> Findings:
    """Read the images and labels of one job."""
    root, layout, labels, image_ids = job
    findings = Findings()
    for image_id in image_ids:
        findings.images += 1
        size_hw = None
        try:
            size_hw = read_image(layout.image_path(root, image_id)).shape[:2]
        except BadFile as error:
            findings.problems.append(str(error))
        found = [
            _examine_label(findings, task, label, root, image_id, size_hw)
            for task, label in labels.items()
        ]
        if not any(found):
            findings.unlabelled.append(image_id)
    return findings


def _examine_label(
    findings: Findings,
    task: str,
    label: Label,
    root: Path,
    image_id: str,
    size_hw: tuple[int, ...] | None,
) -> bool:
    """Read one label and add to the findings; returns whether a label file exists."""
    try:
        path = label.find(root, image_id)
        if path is None:
            return False
        stored = label.decode(path, root, image_id)
    except BadFile as error:
        findings.problems.append(str(error))
        return True
    findings.labelled[task] += 1
    findings.problems += [f"{path}: {problem}." for problem in label.problems(stored)]
    placeholder = (stored == label.ignore).all()
    if size_hw is not None and stored.shape[:2] != size_hw and not placeholder:
        findings.problems.append(
            f"{path} is {_size(stored.shape)}, but its image is {_size(size_hw)}."
        )
    if isinstance(label, ClassMap):
        findings.pixels.setdefault(task, Counter()).update(_counts(stored))
    return True


def _counts(stored: Array) -> dict[int, int]:
    counts = np.bincount(stored.ravel(), minlength=1)
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]} x {shape[0]}"


def percentages(counts: Mapping[int, int]) -> dict[str, float]:
    """Percent of the labelled pixels, by class."""
    labelled = {value: count for value, count in sorted(counts.items()) if value != IGNORE}
    total = max(1, sum(labelled.values()))
    return {str(value): round(100 * count / total, 3) for value, count in labelled.items()}
