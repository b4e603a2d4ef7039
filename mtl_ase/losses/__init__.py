"""The task losses and the regularisers of the routers."""

from mtl_ase.losses.balanced_bce import BalancedBCE
from mtl_ase.losses.counted_loss import CountedLoss
from mtl_ase.losses.cross_entropy import CrossEntropy
from mtl_ase.losses.load_balance import LoadBalance
from mtl_ase.losses.masked_l1 import MaskedL1
from mtl_ase.losses.mutual_information import MutualInformation, task_information
from mtl_ase.losses.regulariser import Regulariser
from mtl_ase.losses.unit_l1 import UnitL1
from mtl_ase.losses.z_loss import ZLoss

__all__ = [
    "BalancedBCE",
    "CountedLoss",
    "CrossEntropy",
    "LoadBalance",
    "MaskedL1",
    "MutualInformation",
    "Regulariser",
    "UnitL1",
    "ZLoss",
    "task_information",
]
