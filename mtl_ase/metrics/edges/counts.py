"""Numbers of matched and predicted edge pixels of one image at every threshold.

Legend: H W pixels, N thresholds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mtl_ase.data.labels.thinning import thin
from mtl_ase.metrics.edges.matching import Matching
from mtl_ase.metrics.edges.suppression import suppress

Counts = NDArray[np.int64]


class EdgeCounts(NamedTuple):
    """One image's counts for precision and recall."""

    matched_N: Counts
    predicted_N: Counts
    true: int


def count_edges(
    probability_HW: NDArray[np.float32],
    true_HW: NDArray[np.bool_],
    valid_HW: NDArray[np.bool_],
    thresholds_N: NDArray[np.float32],
    max_distance: float,
    strict: bool = False,
    nms: bool = False,
) -> EdgeCounts:
    """Threshold, thin and match.

    Args:
        probability_HW: edge probability.
        true_HW: thinned true edges.
        valid_HW: False at ignored pixels.
        thresholds_N: thresholds in ascending order.
        max_distance: largest distance of a match, in pixels.
        strict: predict an edge where probability > threshold instead of >=.
        nms: apply non-maximum suppression first.
    """
    if nms:
        probability_HW = suppress(probability_HW)
    matching = Matching(true_HW, max_distance)
    matched_N, predicted_N = np.zeros((2, len(thresholds_N)), np.int64)
    size_before = -1
    for n, threshold in enumerate(thresholds_N):
        mask_HW = probability_HW > threshold if strict else probability_HW >= threshold
        size = int(np.count_nonzero(mask_HW))
        if size == size_before:  # masks are nested, so equal size means equal masks
            matched_N[n], predicted_N[n] = matched_N[n - 1], predicted_N[n - 1]
            continue
        size_before = size
        predicted_HW = thin(mask_HW) & valid_HW
        matched_N[n] = matching.count(predicted_HW)
        predicted_N[n] = np.count_nonzero(predicted_HW)
    return EdgeCounts(matched_N, predicted_N, int(np.count_nonzero(true_HW)))
