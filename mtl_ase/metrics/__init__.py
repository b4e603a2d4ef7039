"""The metrics, all computed from integer counts.

Integer sums do not depend on their order, so results are bit-identical for any distribution of the
images over processes. `update` takes one image, `compute` returns a scalar in printed units.
"""

from mtl_ase.metrics.counting import CountingMetric
from mtl_ase.metrics.delta_m import delta_m
from mtl_ase.metrics.edge_bce import EdgeBCE
from mtl_ase.metrics.edges import Matching, OdsF
from mtl_ase.metrics.max_f import MaxF
from mtl_ase.metrics.max_mean_f import MaxMeanF
from mtl_ase.metrics.mean_iou import MeanIoU
from mtl_ase.metrics.normal_angles import MeanAngle, MedianAngle, RMSAngle, ShareWithin
from mtl_ase.metrics.rmse import RMSE
from mtl_ase.metrics.saliency_iou import SaliencyIoU

__all__ = [
    "RMSE",
    "CountingMetric",
    "EdgeBCE",
    "Matching",
    "MaxF",
    "MaxMeanF",
    "MeanAngle",
    "MeanIoU",
    "MedianAngle",
    "OdsF",
    "RMSAngle",
    "SaliencyIoU",
    "ShareWithin",
    "delta_m",
]
