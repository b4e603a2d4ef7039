"""Optimal-dataset-scale F-measure of edges. Shapes: N thresholds, H W pixels."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed
from torchmetrics import Metric

from mtl_ase.data.labels.thinning import thin
from mtl_ase.metrics.matching import count_matches


class OdsF(Metric):
    """F-measure of the edge pixels of all images together, at the best threshold; in percent.

    At each threshold the pixels with probability >= threshold are thinned and matched one-to-one to
    the thinned true edges, at most `max_dist` image diagonals away; F = 2 P R / (P + R) =
    2 matched / (predicted + true), summed over images first. The 99 thresholds are 0.01, 0.02, ...
    0.99; there is no non-maximum suppression. Source: BSDS (Martin, Fowlkes and Malik 2004) as
    SEISM runs it for M3ViT. Our deviation: the matching is exact, see `count_matches`.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    matched_N: Tensor
    predicted_N: Tensor
    true: Tensor
    images: Tensor
    seen: Tensor

    def __init__(
        self,
        num_thresholds: int = 99,
        max_dist: float = 0.0075,
        max_images: int | None = None,
        ignore_index: int = 255,
    ) -> None:
        """Fix the protocol.

        Args:
            num_thresholds: evenly spaced, from 0.01 to 0.99.
            max_dist: largest distance of a match, as a share of the image diagonal.
            max_images: score only the first so many images of the data set, for a quick look during
                training; None scores all. With several processes image i is taken to be the one
                that process i mod world sees as its i // world-th, as `SampleOrder` deals them.
            ignore_index: label value of pixels where predictions do not count.
        """
        super().__init__()
        self.max_dist = max_dist
        self.max_images = max_images
        self.ignore_index = ignore_index
        self.thresholds_N = np.linspace(0.01, 0.99, num_thresholds).astype(np.float32)
        for name in ("matched_N", "predicted_N"):
            zeros_N = torch.zeros(num_thresholds, dtype=torch.int64)
            self.add_state(name, zeros_N, dist_reduce_fx="sum")
        for name in ("true", "images", "seen"):
            self.add_state(name, torch.tensor(0), dist_reduce_fx="sum")

    def update(self, probability_HW: Tensor, label_HW: Tensor) -> None:
        """Add one image, given the probability of an edge and the label 0, 1 or ignore."""
        label = label_HW.cpu().numpy()
        valid_HW = label != self.ignore_index
        self.seen += 1
        if self.max_images is not None and int(self.seen) > _share(self.max_images):
            return
        if not valid_HW.any():
            return
        true_HW = thin(label == 1)
        matched_N, predicted_N = self._count(
            probability_HW.float().cpu().numpy(), true_HW, valid_HW
        )
        self.matched_N += torch.from_numpy(matched_N).to(self.matched_N.device)
        self.predicted_N += torch.from_numpy(predicted_N).to(self.predicted_N.device)
        self.true += int(true_HW.sum())
        self.images += 1

    def compute(self) -> Tensor:
        """The best threshold's F-measure; NaN when no labelled image was seen."""
        total_N = (self.predicted_N + self.true).clamp(min=1)
        f_N = 2 * self.matched_N.double() / total_N
        return torch.where(self.images > 0, 100 * f_N.amax(), torch.nan)

    def _count(
        self,
        probability_HW: NDArray[np.float32],
        true_HW: NDArray[np.bool_],
        valid_HW: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Matched and predicted pixels at each threshold."""
        max_distance = self.max_dist * float(np.hypot(*true_HW.shape))
        counts_N2 = np.zeros((len(self.thresholds_N), 2), np.int64)
        size_before = -1
        for n, threshold in enumerate(self.thresholds_N):
            mask_HW = probability_HW >= threshold
            size = int(mask_HW.sum())
            if size == size_before:  # masks are nested: as large means the same
                counts_N2[n] = counts_N2[n - 1]
                continue
            size_before = size
            predicted_HW = thin(mask_HW) & valid_HW
            counts_N2[n] = count_matches(predicted_HW, true_HW, max_distance), predicted_HW.sum()
        return counts_N2[:, 0], counts_N2[:, 1]


def _share(count: int) -> int:
    """How many of the first `count` images of the data set this process sees."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return count
    return len(range(distributed.get_rank(), count, distributed.get_world_size()))
