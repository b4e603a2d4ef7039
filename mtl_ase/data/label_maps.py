"""Where a sample's label maps come from: a pack, or the files themselves."""

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
        root: of the data set.
        image_ids: of the split.
        labels: kinds, by task.
        pack: of the split, or None to decode the files.
    """

    def __init__(
        self, root: Path, image_ids: Sequence[str], labels: Mapping[str, Label], pack: Pack | None
    ) -> None:
        self.root, self.image_ids, self.labels, self.pack = root, image_ids, labels, pack

    def read(self, task: str, index: int, truth: bool) -> Array | None:
        """A task's map for training or for scoring; None where the image is unlabelled.

        Raises:
            BadFile: the label's file can't be read.
        """
        label = self.labels[task]
        if self.pack is not None:
            try:
                return self.pack.read(map_name(task, label, truth), index)
            except PackDamaged as error:
                self._give_up(error)
        return label.read_stored(self.root, self.image_ids[index], truth)

    def _give_up(self, error: PackDamaged) -> None:
        """Go on without the pack; without its manifest it is built anew by the next run."""
        assert self.pack is not None
        folder, self.pack = self.pack.folder, None
        if isinstance(error, PackUnreadable):
            reason = f"can't be read ({error}); reading the files instead"
        else:
            reason = (
                f"is damaged ({error}); reading the files instead, the next "
                "scripts/prepare_data.py mends it"
            )
            with suppress(OSError):  # the folder may not be written to
                (folder / MANIFEST).unlink(missing_ok=True)
        warnings.warn(f"the pack of labels {reason}", stacklevel=2)
