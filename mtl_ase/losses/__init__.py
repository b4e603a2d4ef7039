"""The task losses, the router regulariser and the weighted sum of losses."""

from mtl_ase.losses.balanced_bce import BalancedBCE
from mtl_ase.losses.counted_loss import CountedLoss
from mtl_ase.losses.cross_entropy import CrossEntropy
from mtl_ase.losses.masked_l1 import MaskedL1
from mtl_ase.losses.mutual_information import MutualInformation
from mtl_ase.losses.unit_l1 import UnitL1
from mtl_ase.losses.weighted_sum import WeightedSum

__all__ = [
    "BalancedBCE",
    "CountedLoss",
    "CrossEntropy",
    "MaskedL1",
    "MutualInformation",
    "UnitL1",
    "WeightedSum",
]
