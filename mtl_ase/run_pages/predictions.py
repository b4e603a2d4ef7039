"""What a network predicts of a sample, and how a task draws it: all that pages ask of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from mtl_ase.data import Sample
from mtl_ase.inference import Model
from mtl_ase.tasks import Picture, Task


class TaskMaps(NamedTuple):
    """Pictures of a task for one sample, at the label's size.

    Attributes:
        label: the label.
        prediction: the network's.
        flat: whether they have a colour for every class, which must not be mixed.
    """

    label: Picture
    prediction: Picture
    flat: bool


def labels_and_predictions(model: Model, sample: Sample) -> dict[str, TaskMaps]:
    """The pictures of a sample's label and prediction by task."""
    predicted = model.predict_sample(sample)
    return {
        name: TaskMaps(
            _drawn(task, sample.labels[name]),
            _drawn(task, predicted[name]),
            not predicted[name].is_floating_point(),
        )
        for name, task in model.tasks.items()
    }


def _drawn(task: Task, values: Tensor) -> Picture:
    return np.ascontiguousarray(task.output.colours(values.numpy()))
