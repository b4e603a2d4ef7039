"""The LightningDataModule: folders, splits and data loaders."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_info
from torch.utils.data import DataLoader

from mtl_ase.base.bounds import Count, Seed, Size
from mtl_ase.base.errors import UserError
from mtl_ase.data.accumulation import AccumulationLoader, limited_batches
from mtl_ase.data.augmentation import Augmentation
from mtl_ase.data.dense_dataset import DenseDataset, OnBadSample
from mtl_ase.data.labels import Label
from mtl_ase.data.layout import PASCAL_MT, FolderLayout
from mtl_ase.data.pack import (
    Pack,
    build_pack,
    find_pack,
    fingerprint,
    pack_folder,
    remove_unused,
    same_as_files,
    stale_packs,
)
from mtl_ase.data.sample import CountLabels, Sample, collate_scoring, collate_training
from mtl_ase.data.sample_order import SampleOrder
from mtl_ase.launch.loader_worker import start_worker
from mtl_ase.machine.cores import usable_cores

Packing = Literal["build", "use", "never"]


class Generator(Protocol):
    """Generates a data set on first use."""

    def prepare(self, root: Path | None) -> Path:
        """Generate the data set at `root` (None: in the cache) unless it exists; its folder."""


class DataModule(pl.LightningDataModule):
    """Loaders over a folder of images and dense labels.

    Args:
        name: name of the data set, for reports and references.
        root: folder of the data set; None only for generated data sets.
        labels: label reader of each task that the data set has.
        image_size: (H, W) of the network's input.
        batch_size: images per process and step.
        augmentation: resizing to the input size, and random augmentation in training.
        tasks: tasks to read labels for; None reads all.
        train_split: name of the list of training images.
        val_split: name of the list of validation images.
        num_workers: loader processes; None: half of the cores, 1 to 8.
        seed: seed of sample order and augmentation.
        generator: generates the data set on first use; None if it must already exist.
        hint: how to get the data, for the message when it is missing.
        layout: paths of images and split lists below `root`.
        pack: cache of decoded labels: "use" it if it exists and is up to date, "build" it
            otherwise, or "never" use one.
        on_bad_sample: "raise" on a file that can't be read, or "skip" it and report it.
        counts: function that counts a batch's labels, by task (`CountedLoss.counts`); used where
            one optimiser step covers several batches (gradient accumulation, several processes).
        stages: tasks whose labels are trained on together, stage by stage; None: all at once. The
            training module takes the same value: here it only says how the data are used.

    Raises:
        UserError: a task has no label in this data set, or the batch size is below 1.
    """

    name: str

    def __init__(
        self,
        name: str,
        root: str | None,
        labels: Mapping[str, Label],
        image_size: Size,
        batch_size: int,
        augmentation: Augmentation,
        tasks: Sequence[str] | None = None,
        train_split: str = "train",
        val_split: str = "val",
        num_workers: Count | None = None,
        seed: Seed = 0,
        generator: Generator | None = None,
        hint: str = "",
        layout: FolderLayout = PASCAL_MT,
        pack: Packing = "use",
        on_bad_sample: OnBadSample = "raise",
        counts: Mapping[str, CountLabels] | None = None,
        stages: Sequence[Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        for task in tasks or ():
            if task not in labels:
                raise UserError(
                    f"tasks asks for {task!r}, but the data set {name} has labels for "
                    f"{', '.join(labels)} only; leave it out or add data.labels.{task}."
                )
        if batch_size < 1:
            raise UserError(f"data.batch_size={batch_size} is no batch size; choose 1 or more.")
        self.name, self.generator, self.hint = name, generator, hint
        self.all_labels = dict(labels)
        self.labels = {task: labels[task] for task in (labels if tasks is None else tasks)}
        self.root = None if root is None else Path(root).expanduser()
        self.size_hw = (image_size[0], image_size[1])
        self.batch_size, self.seed, self.augmentation = batch_size, seed, augmentation
        self.splits = {
            "train": _check_list_name("train_split", train_split),
            "val": _check_list_name("val_split", val_split),
        }
        self.num_workers = _choose_workers() if num_workers is None else num_workers
        self.layout = layout
        self.packing: Packing = pack
        self.on_bad_sample: OnBadSample = on_bad_sample
        self.counts, self.stages = dict(counts or {}), stages
        self.start = (0, 0)  # epoch, and number of its samples that are already trained on
        self._packs: dict[str, Pack | None] = {}
        self._coverage: dict[str, dict[str, int]] = {}

    def prepare_data(self) -> None:
        """Generate or find the data set and its packs; may be called repeatedly, on every rank.

        Raises:
            UserError: the folder is missing or does not contain this data set.
        """
        self.check_root()
        if self.generator is not None:
            self.root = self.generator.prepare(self.root)
        for split in self.splits.values():
            if split not in self._packs and self.packing != "never":
                self._packs[split] = self._find_pack(split, build=self.packing == "build")

    def check_root(self) -> None:
        """Check that the folder exists, before anything costly is built.

        Raises:
            UserError: the data set is not generated, and its folder is missing.
        """
        if self.generator is None and not self._has_images():
            folder = self.layout.image_folder(Path()).as_posix()
            raise UserError(
                f"data.root={self.root} holds no {self.name} data set (no folder {folder}); "
                f"{self.hint}"
            )

    def _has_images(self) -> bool:
        if self.root is None:
            return False
        folder = self.layout.image_folder(self.root)
        try:
            return folder.is_dir()
        except OSError as error:
            raise UserError(
                f"data.root={self.root}: {folder} can't be read ({error.strerror}); check its "
                "rights."
            ) from error

    def dataset(self, split: str, training: bool) -> DenseDataset:
        """The "train" or "val" split, with training augmentation or as for evaluation."""
        self.prepare_data()
        assert self.root is not None
        return DenseDataset(
            self.root,
            self.splits[split],
            self.labels,
            self.size_hw,
            self.augmentation,
            training,
            self.seed,
            self.layout,
            self._packs.get(self.splits[split]),
            self.on_bad_sample,
        )

    def pack(self, split: str) -> Pack:
        """The pack of the "train" or "val" split; rebuilt if it differs from the label files.

        Raises:
            UserError: it can't be built, or an outdated one can't be removed.
        """
        self._remove_if_different(self.splits[split])
        pack = self._find_pack(self.splits[split], build=True)
        assert pack is not None
        return pack

    def train_dataloader(self) -> DataLoader[Sample]:
        """Shuffled, augmented batches; a smaller last batch is dropped."""
        return self._loader(self.dataset("train", training=True), training=True)

    def val_dataloader(self) -> DataLoader[Sample]:
        """Every validation image once, over all processes."""
        return self._loader(self.dataset("val", training=False), training=False)

    @property
    def batches_per_epoch(self) -> int:
        """Training batches per epoch on this rank, after `trainer.limit_train_batches`."""
        limit = 1.0 if self.trainer is None else self.trainer.limit_train_batches
        return limited_batches(len(self.train_dataloader()), limit)

    def progress(self) -> dict[str, int]:
        """Training batches completed in total, and batches per epoch (0: unlimited)."""
        assert self.trainer is not None
        loop = self.trainer.fit_loop
        return {
            "batches": loop.epoch_loop.batch_progress.total.completed,
            "batches_per_epoch": int(loop.max_batches) if math.isfinite(loop.max_batches) else 0,
        }

    def go_on(self, progress: dict[str, int]) -> None:
        """Resume after the batches that a checkpoint's `progress` counts.

        Raises:
            UserError: the number of batches per epoch has changed.
        """
        size, now = progress["batches_per_epoch"], self.batches_per_epoch
        if size != now:
            raise UserError(
                f"the checkpoint's epochs have {size} batches, but now they have {now}; resume "
                "with the same data, data.batch_size, trainer.limit_train_batches and number of "
                "processes."
            )
        epoch, batches = divmod(progress["batches"], max(1, size))
        self.start = (epoch, batches * self.batch_size)

    def coverage(self) -> dict[str, dict[str, int]]:
        """Number of images and of label files, by split and task; computed once."""
        for split in self.splits:
            if split not in self._coverage:
                dataset = self.dataset(split, training=False)
                self._coverage[split] = {"images": len(dataset), **dataset.coverage()}
        return self._coverage

    def fingerprint(self) -> dict[str, str]:
        """A short hash of each split's image ids and file sizes."""
        return {split: self.dataset(split, training=False).fingerprint() for split in self.splits}

    def _existing_pack(self, split: str) -> tuple[list[str], str, Pack | None]:
        """A split's image ids, the hash of their label files, and the up-to-date pack, if any."""
        assert self.root is not None
        image_ids = self.layout.read_split(self.root, split)
        source_hash = fingerprint(self.root, image_ids, self.all_labels)
        return image_ids, source_hash, find_pack(self.root, split, source_hash)

    def _find_pack(self, split: str, build: bool) -> Pack | None:
        """A split's pack; it contains the labels of all tasks, not only of the selected ones."""
        assert self.root is not None
        image_ids, source_hash, pack = self._existing_pack(split)
        if pack is not None and (self.on_bad_sample == "skip" or not pack.skipped):
            return pack
        if not build:
            rank_zero_info(
                f"labels of {split} are decoded in every epoch; scripts/prepare_data.py decodes "
                "them once and packs them."
            )
            return None
        folder = pack_folder(self.root, split, source_hash)
        skip = self.on_bad_sample == "skip"
        pack = build_pack(folder, self.root, image_ids, self.all_labels, usable_cores(), skip)
        for stale in stale_packs(self.root, split, source_hash):
            remove_unused(stale)
        return pack

    def _remove_if_different(self, split: str) -> None:
        """Remove an existing pack that differs from the label files."""
        assert self.root is not None
        image_ids, _, pack = self._existing_pack(split)
        if pack is None or same_as_files(
            pack, self.root, image_ids, self.all_labels, usable_cores()
        ):
            return
        folder = pack.folder
        del pack
        remove_unused(folder)
        if folder.exists():
            raise UserError(
                f"{folder} differs from the label files and is in use or may not be removed; end "
                "the trainings that read it, remove it, and run the same command again."
            )

    def _loader(self, dataset: DenseDataset, training: bool) -> DataLoader[Sample]:
        rank = self.trainer.global_rank if self.trainer else 0
        world = self.trainer.world_size if self.trainer else 1
        accumulate = self.trainer.accumulate_grad_batches if self.trainer else 1
        start = self.start if training else (0, 0)
        order = SampleOrder(len(dataset), self.seed, training, rank, world, start)
        counts = self.counts if accumulate * world > 1 else {}
        options: dict[str, Any] = {
            "batch_size": self.batch_size,
            "num_workers": self.num_workers,
            "collate_fn": partial(collate_training, counts=counts) if training else collate_scoring,
            "drop_last": training and len(order) > self.batch_size,
            "pin_memory": self.trainer is not None
            and self.trainer.strategy.root_device.type == "cuda",
            "persistent_workers": self.num_workers > 0 and training,
            "worker_init_fn": start_worker,
        }
        if training and self.trainer and accumulate > 1:
            limit = self.trainer.limit_train_batches
            return AccumulationLoader(dataset, order, accumulate, limit, **options)
        return DataLoader(dataset, sampler=order, **options)


def _check_list_name(key: str, value: str) -> str:
    """Check the name of a split list: it becomes part of paths of folders that are deleted."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+ -]*", value):
        raise UserError(
            f"data.{key}={value!r} can't be the name of a list; give letters, digits, _ . + and -."
        )
    return value


def _choose_workers() -> int:
    return min(8, max(1, usable_cores() // 2))
