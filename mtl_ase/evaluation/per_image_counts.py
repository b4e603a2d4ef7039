"""The counts of every image, from which all scores are computed.

Legend: I images, K counts of a metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, distributed

from mtl_ase.launch.world import num_processes


class PerImageCounts:
    """Counts of single images, by full metric key and image id."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, Tensor]] = {}

    def add(self, key: str, image_id: str, counts_K: Tensor) -> None:
        """Store an image's counts; of an image added twice, only the last are kept."""
        self.counts.setdefault(key, {})[image_id] = counts_K.cpu()

    def gather(self) -> None:
        """Merge the counts of all processes; a collective operation."""
        if num_processes() == 1:
            return
        parts: list[Mapping[str, Mapping[str, Tensor]]] = [{}] * num_processes()
        distributed.all_gather_object(parts, self.counts)
        for part in parts:
            for key, images in part.items():
                self.counts.setdefault(key, {}).update(images)

    def table(self, key: str, image_ids: Sequence[str]) -> Tensor:
        """The counts_IK of these images; zero for those that were not scored."""
        images = self.counts[key]
        nothing_K = torch.zeros_like(next(iter(images.values())))
        return torch.stack([images.get(image_id, nothing_K) for image_id in image_ids])

    @property
    def image_ids(self) -> list[str]:
        """The ids of all images with counts of any metric, sorted."""
        return sorted({image_id for images in self.counts.values() for image_id in images})
