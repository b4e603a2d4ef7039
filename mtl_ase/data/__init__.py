"""Data sets: reading, warping, batching; `scenes` makes one."""

from mtl_ase.data.augmentation import Augmentation
from mtl_ase.data.datamodule import DataModule
from mtl_ase.data.pascal_mt import PascalMT
from mtl_ase.data.sample import Batch, Sample, collate_scoring, collate_training
from mtl_ase.data.sample_order import SampleOrder
from mtl_ase.data.warp import Warp, make_warp

__all__ = [
    "Augmentation",
    "Batch",
    "DataModule",
    "PascalMT",
    "Sample",
    "SampleOrder",
    "Warp",
    "collate_scoring",
    "collate_training",
    "make_warp",
]
