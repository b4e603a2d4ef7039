"""What the tasks are scored with; one metric a file, all of integer sums.

Sums of integers do not depend on their order, so a result is exactly the same however the images
are spread over processes. `update` takes one image, `compute` returns a scalar in printed units.
"""

from mtl_ase.metrics.delta_m import delta_m
from mtl_ase.metrics.edge_bce import EdgeBCE
from mtl_ase.metrics.matching import count_matches
from mtl_ase.metrics.max_f import MaxF
from mtl_ase.metrics.mean_angle import MeanAngle
from mtl_ase.metrics.mean_iou import MeanIoU
from mtl_ase.metrics.ods_f import OdsF
from mtl_ase.metrics.rmse import RMSE
from mtl_ase.metrics.saliency_iou import SaliencyIoU

__all__ = [
    "RMSE",
    "EdgeBCE",
    "MaxF",
    "MeanAngle",
    "MeanIoU",
    "OdsF",
    "SaliencyIoU",
    "count_matches",
    "delta_m",
]
