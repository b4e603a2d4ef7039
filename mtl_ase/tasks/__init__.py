"""Tasks: the class `Task`, composed in configs/tasks/*.yaml, with activations and colours."""

from mtl_ase.tasks.activations import class_ids, first_channel, probability, unit_vector
from mtl_ase.tasks.colours import class_colours, depth_colours, grey, normal_colours
from mtl_ase.tasks.task import Task

__all__ = [
    "Task",
    "class_colours",
    "class_ids",
    "depth_colours",
    "first_channel",
    "grey",
    "normal_colours",
    "probability",
    "unit_vector",
]
