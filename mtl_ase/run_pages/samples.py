"""The samples to look through: image, label and prediction of every task.

Legend: C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mtl_ase.base.errors import UserError
from mtl_ase.data import DataModule, Sample
from mtl_ase.inference import Model
from mtl_ase.report.legend import legend_colours
from mtl_ase.run_pages.pictures import data_uri, fitted, shown_size
from mtl_ase.run_pages.predictions import TaskMaps, labels_and_predictions
from mtl_ase.tasks import Picture
from mtl_ase.tasks.task import IGNORED

Rgb = tuple[int, ...]
PLACES = np.array([1, 256, 256**2])
"""Of red, green and blue in a number that stands for a colour."""


@dataclass(frozen=True)
class TaskPictures:
    """Pictures of a task, as data URIs.

    Attributes:
        label: None where the sample has no label.
        prediction: of the network.
        shown: names of the legend's entries; of classes those that occur.
    """

    label: str | None
    prediction: str
    shown: Sequence[str]


@dataclass(frozen=True)
class SamplePictures:
    """A sample's pictures.

    Attributes:
        image_id: its id.
        why: what it is shown for, e.g. "worst of semseg (12.30)"; empty: evenly spread ones.
        height: of the pictures, in pixels.
        width: of the same.
        image: as data URI.
        tasks: by task.
    """

    image_id: str
    why: str
    height: int
    width: int
    image: str
    tasks: Mapping[str, TaskPictures]


@dataclass(frozen=True)
class SampleSet:
    """The samples of a page.

    Attributes:
        samples: their pictures.
        legends: RGB colours by name, by task.
        missing: why there is none; None if there are.
    """

    samples: Sequence[SamplePictures] = ()
    legends: Mapping[str, Mapping[str, Rgb]] = field(default_factory=dict)
    missing: str | None = None


def choose_samples(
    model: Model, data: DataModule, count: int, worst: Mapping[str, str]
) -> SampleSet:
    """Pictures of validation images that are evenly spread over the split, and of the worst ones.

    Args:
        model: the network that predicts.
        data: the data set.
        count: number of evenly spread images.
        worst: what to say of images that are shown besides, by their id.
    """
    legends = {name: legend_colours(task) for name, task in model.tasks.items()}
    try:
        dataset = data.dataset("val", training=False)
        spread = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int).tolist()
        chosen = dict.fromkeys(spread, "")
        place = {image_id: index for index, image_id in enumerate(dataset.image_ids)}
        chosen |= {place[name]: why for name, why in worst.items() if name in place}
        samples = [
            _pictures(model, dataset[0, index], why, legends) for index, why in chosen.items()
        ]
    except UserError as error:
        return SampleSet(missing=str(error))
    return SampleSet(samples, legends)


def _pictures(
    model: Model,
    sample: Sample,
    why: str,
    legends: Mapping[str, Mapping[str, Rgb]],
) -> SamplePictures:
    found = labels_and_predictions(model, sample)
    size_hw = shown_size(*next(iter(found.values())).label.shape[:2])
    image = data_uri(fitted(_image(sample), size_hw, flat=False), flat=False)
    by_task = {name: _task_pictures(maps, legends[name], size_hw) for name, maps in found.items()}
    return SamplePictures(sample.image_id, why, *size_hw, image, by_task)


def _task_pictures(
    maps: TaskMaps, legend: Mapping[str, Rgb], size_hw: tuple[int, int]
) -> TaskPictures:
    label, prediction = (
        data_uri(fitted(picture, size_hw, maps.flat), maps.flat)
        for picture in (maps.label, maps.prediction)
    )
    has_label = IGNORED not in legend or bool((maps.label != np.array(legend[IGNORED])).any())
    shown = _occurring(maps, legend) if maps.flat else list(legend)
    return TaskPictures(label if has_label else None, prediction, shown)


def _image(sample: Sample) -> Picture:
    """The part of the network's input that the source image fills."""
    top, left, height, width = sample.box
    image_CHW = sample.image_CHW[:, top : top + height, left : left + width]
    return np.ascontiguousarray(image_CHW.numpy().transpose(1, 2, 0))


def _occurring(maps: TaskMaps, legend: Mapping[str, Rgb]) -> list[str]:
    """The legend's entries whose colours occur in the label or the prediction."""
    there = {number for picture in maps[:2] for number in np.unique(picture @ PLACES).tolist()}
    return [name for name, colour in legend.items() if np.dot(colour, PLACES) in there]
