"""The precision-recall curve with ODS, OIS and AP, from counts.

Legend: I images, N thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class EdgeCurve:
    """The precision-recall curve of a data set, with ODS, OIS and AP (all from 0 to 1).

    Source: SEISM's scripts `gather_measure.m` (sums, precision, recall), `general_ods.m`,
    `general_ois.m` and `general_ap.m`. With one ground truth per image, as here, the numbers of
    matched predicted and matched true pixels are equal. Our deviation: without true pixels in the
    data set, recall is 0, not 1.

    Attributes:
        thresholds_N: thresholds in ascending order.
        precision_N: matched / predicted pixels of all images; 1 if none are predicted.
        recall_N: matched / true pixels of all images.
        f_N: harmonic mean of precision and recall.
        ods: the best F at one threshold for all images (no interpolation between thresholds).
        ods_threshold: the first threshold that reaches it.
        ois: F of the summed counts at each image's own best threshold.
        ap: area under the curve: the sum of precision interpolated at recall 0, 0.01, ... 1 (0
            outside the recalls that occur), divided by 100. Where nothing is predicted the curve
            begins at recall 0 with precision 1; of equal recalls the lowest threshold's counts.
    """

    thresholds_N: Shares
    precision_N: Shares
    recall_N: Shares
    f_N: Shares
    ods: float
    ods_threshold: float
    ois: float
    ap: float


def edge_curve(
    matched_IN: Counts, predicted_IN: Counts, true_I: Counts, thresholds_N: Shares
) -> EdgeCurve:
    """The curve of all images together.

    Args:
        matched_IN: number of matched pixels.
        predicted_IN: number of predicted pixels.
        true_I: number of true pixels.
        thresholds_N: thresholds in ascending order.
    """
    matched_N, predicted_N, true = matched_IN.sum(0), predicted_IN.sum(0), true_I.sum()
    precision_N = np.where(predicted_N > 0, _ratio(matched_N, predicted_N), 1.0)
    recall_N = _ratio(matched_N, true)
    f_N = f_measure(matched_N, predicted_N, true)
    best = int(f_N.argmax())
    own_I = f_measure(matched_IN, predicted_IN, true_I[:, None]).argmax(1)[:, None]
    own_matched, own_predicted = (
        np.take_along_axis(counts, own_I, 1).sum() for counts in (matched_IN, predicted_IN)
    )
    return EdgeCurve(
        thresholds_N,
        precision_N,
        recall_N,
        f_N,
        float(f_N[best]),
        float(thresholds_N[best]),
        float(f_measure(own_matched, own_predicted, true)),
        _average_precision(precision_N, recall_N),
    )


def f_measure(matched: Counts, predicted: Counts, true: Counts) -> Shares:
    """2 P R / (P + R) = 2 matched / (predicted + true); 0 if the denominator is 0."""
    return _ratio(2 * matched, predicted + true)


def _ratio(part: Counts, whole: Counts) -> Shares:
    return part / np.maximum(whole, 1)


def _average_precision(precision_N: Shares, recall_N: Shares) -> float:
    recalls, first = np.unique(recall_N, return_index=True)
    if len(recalls) < 2:
        return 0.0
    grid = np.arange(101) / 100
    at = np.interp(grid, recalls, precision_N[first], left=0.0, right=0.0)
    return float(at.sum() / 100)
