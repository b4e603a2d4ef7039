"""Tasks: the class `Task`, composed in configs/tasks/*.yaml, and the kinds of output."""

from mtl_ase.tasks.class_map import ClassMap
from mtl_ase.tasks.normal_map import NormalMap
from mtl_ase.tasks.output import Output, Picture
from mtl_ase.tasks.probability_map import ProbabilityMap
from mtl_ase.tasks.task import Task
from mtl_ase.tasks.value_map import ValueMap

__all__ = [
    "ClassMap",
    "NormalMap",
    "Output",
    "Picture",
    "ProbabilityMap",
    "Task",
    "ValueMap",
]
