"""Data sets: reading, warping, batching; `scenes` makes one."""

from mtl_ase.data.augmentation import Augmentation
from mtl_ase.data.colour_jitter import ColourJitter
from mtl_ase.data.datamodule import DataModule
from mtl_ase.data.dense_dataset import DenseDataset
from mtl_ase.data.layout import FolderLayout
from mtl_ase.data.random_crop import RandomCrop
from mtl_ase.data.sample import Batch, Sample, collate_scoring, collate_training
from mtl_ase.data.sample_order import SampleOrder
from mtl_ase.data.warp import Box, Warp, make_warp

__all__ = [
    "Augmentation",
    "Batch",
    "Box",
    "ColourJitter",
    "DataModule",
    "DenseDataset",
    "FolderLayout",
    "RandomCrop",
    "Sample",
    "SampleOrder",
    "Warp",
    "collate_scoring",
    "collate_training",
    "make_warp",
]
