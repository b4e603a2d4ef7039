"""Optimal-dataset-scale F-measure of edges.

Legend: I images, N thresholds, H W pixels, K = 2 N + 2 counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from mtl_ase.base.bounds import Positive, Weight
from mtl_ase.data.labels.thinning import thin
from mtl_ase.machine.cores import usable_cores
from mtl_ase.metrics.counting import CountingMetric
from mtl_ase.metrics.edges.counts import count_edges
from mtl_ase.metrics.edges.curve import EdgeCurve, edge_curve


class OdsF(CountingMetric):
    """F-measure of the edge pixels of all images together, at the best threshold; in percent.

    At each threshold the predicted pixels are thinned and matched one-to-one to the thinned true
    edges, at most `max_dist` image diagonals away; F = 2 P R / (P + R) = 2 matched / (predicted +
    true), summed over images first. Source: BSDS (Martin, Fowlkes and Malik 2004) as SEISM runs it
    for M3ViT. Our deviation: the matching is exact, see `Matching`. Counts: matched_N, predicted_N,
    true pixels, images.
    """

    higher_is_better = True

    def __init__(
        self,
        num_thresholds: Positive = 99,
        max_dist: Weight = 0.0075,
        max_images: Positive | None = None,
        ignore_index: int = 255,
        ends: bool = False,
        strict: bool = False,
        nms: bool = False,
    ) -> None:
        """Set the options of the benchmark.

        Args:
            num_thresholds: number of thresholds, evenly spaced from 0.01 to 0.99.
            max_dist: largest distance of a match, as a fraction of the image diagonal.
            max_images: evaluate only the first so many images of the data set, for quick
                validations during training; None: all. See `CountingMetric`.
            ignore_index: label value of ignored pixels.
            ends: add the thresholds 0.001 and 0.999 (the list HED.txt of SEISM).
            strict: predict an edge where probability > threshold instead of >=.
            nms: apply non-maximum suppression first.
        """
        tails = ([0.001], [0.999]) if ends else ([], [])
        thresholds = [*tails[0], *np.linspace(0.01, 0.99, num_thresholds), *tails[1]]
        super().__init__(2 * len(thresholds) + 2)
        self.thresholds_N = np.array(thresholds, np.float32)
        self.max_dist = max_dist
        self.max_images = max_images
        self.ignore_index = ignore_index
        self.strict, self.nms = strict, nms

    def count(self, probability_HW: Tensor, label_HW: Tensor) -> Tensor:
        """The counts_K of one image, given edge probabilities and the label 0, 1 or ignore."""
        label = label_HW.cpu().numpy()
        valid_HW = label != self.ignore_index
        if not valid_HW.any():
            return torch.zeros(2 * len(self.thresholds_N) + 2, dtype=torch.int64)
        matched_N, predicted_N, true = count_edges(
            probability_HW.detach().float().cpu().numpy(),
            thin(label == 1),
            valid_HW,
            self.thresholds_N,
            self.max_dist * float(np.hypot(*label.shape)),
            self.strict,
            self.nms,
        )
        return torch.from_numpy(np.concatenate([matched_N, predicted_N, [true, 1]]))

    def count_all(self, images: Iterable[tuple[Tensor, Tensor]]) -> list[Tensor]:
        """The counts_K of several images, computed in parallel on all cores."""
        with ThreadPoolExecutor(usable_cores()) as pool:
            jobs = [pool.submit(self.count, *image) for image in images]
            return [job.result() for job in jobs]

    def score(self, counts_K: Tensor) -> Tensor:
        """The best threshold's F-measure; NaN when no labelled image was seen."""
        number = len(self.thresholds_N)
        matched_N, predicted_N, true, images = counts_K.split([number, number, 1, 1], dim=-1)
        f_N = 2 * matched_N.double() / (predicted_N + true).clamp(min=1)
        return torch.where(images[..., 0] > 0, 100 * f_N.amax(dim=-1), torch.nan)

    def curve(self, counts_IK: Tensor) -> EdgeCurve:
        """The precision-recall curve, given the counts of every image."""
        number = len(self.thresholds_N)
        matched_IN, predicted_IN, true_I1, _ = counts_IK.cpu().split([number, number, 1, 1], dim=-1)
        return edge_curve(
            matched_IN.numpy(),
            predicted_IN.numpy(),
            true_I1[:, 0].numpy(),
            self.thresholds_N.astype(np.float64),
        )
