"""Reads label maps from a pack or from the label files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mtl_ase.data.labels import Label
from mtl_ase.data.labels.label import Array
from mtl_ase.data.pack.format import MANIFEST
from mtl_ase.data.pack.maps import map_name
from mtl_ase.data.pack.reader import Pack, PackDamaged, PackUnreadable


class LabelMaps:
    """The stored maps of a split's images.

    Args:
        root: folder of the data set.
        image_ids: ids of the split's images.
        labels: label reader of each task.
        pack: pack of the split, or None to decode the files.
    """

    def __init__(
        self, root: Path, image_ids: Sequence[str], labels: Mapping[str, Label], pack: Pack | None
    ) -> None:
        self.root, self.image_ids, self.labels, self.pack = root, image_ids, labels, pack

    def read(self, task: str, index: int, truth: bool) -> Array | None:
        """A task's training target, or its ground truth for evaluation; None if unlabelled.

        Raises:
            BadFile: the label's file can't be read.
        """
        label = self.labels[task]
        if self.pack is not None:
            try:
                return self.pack.read(map_name(task, label, truth), index)
            except PackDamaged as error:
                self._drop_pack(error)
        return label.read_stored(self.root, self.image_ids[index], truth)

    def _drop_pack(self, error: PackDamaged) -> None:
        """Continue without the pack; if damaged, delete its manifest so that it is rebuilt."""
        assert self.pack is not None
        folder, self.pack = self.pack.folder, None
        if isinstance(error, PackUnreadable):
            reason = f"can't be read ({error}); reading the files instead"
        else:
            reason = (
                f"is damaged ({error}); reading the files instead, the next "
                "scripts/prepare_data.py rebuilds it"
            )
            with suppress(OSError):  # the folder may be read-only
                (folder / MANIFEST).unlink(missing_ok=True)
        warnings.warn(f"the pack of labels {reason}", stacklevel=2)
