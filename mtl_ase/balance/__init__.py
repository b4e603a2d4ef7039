"""Balancing rules: from the losses of the tasks, or their gradients, to one step."""

from mtl_ase.balance.achievement import Achievement
from mtl_ase.balance.aligned_mtl import AlignedMTL
from mtl_ase.balance.balance import Balance
from mtl_ase.balance.cagrad import CAGrad
from mtl_ase.balance.db_mtl import DBMTL
from mtl_ase.balance.dwa import DWA
from mtl_ase.balance.excess_mtl import ExcessMTL
from mtl_ase.balance.fairgrad import FairGrad
from mtl_ase.balance.famo import FAMO
from mtl_ase.balance.fixed_weights import FixedWeights
from mtl_ase.balance.gls import GLS
from mtl_ase.balance.graddrop import GradDrop
from mtl_ase.balance.gradient_rule import Combined, GradientRule, GramianRule
from mtl_ase.balance.gradnorm import GradNorm
from mtl_ase.balance.gradvac import GradVac
from mtl_ase.balance.imtl_g import IMTLG
from mtl_ase.balance.imtl_l import IMTLL
from mtl_ase.balance.mgda import MGDA
from mtl_ase.balance.moco import MoCo
from mtl_ase.balance.nash_blocks import NashBlocks
from mtl_ase.balance.nash_mtl import NashMTL
from mtl_ase.balance.on_maps import OnMaps
from mtl_ase.balance.pcgrad import PCGrad
from mtl_ase.balance.rlw import RLW
from mtl_ase.balance.sdmgrad import SDMGrad
from mtl_ase.balance.stch import STCH
from mtl_ase.balance.torchjd_weighting import TorchJDWeighting
from mtl_ase.balance.uncertainty import Uncertainty
from mtl_ase.balance.upgrad import UPGrad

__all__ = [
    "DBMTL",
    "DWA",
    "FAMO",
    "GLS",
    "IMTLG",
    "IMTLL",
    "MGDA",
    "RLW",
    "STCH",
    "Achievement",
    "AlignedMTL",
    "Balance",
    "CAGrad",
    "Combined",
    "ExcessMTL",
    "FairGrad",
    "FixedWeights",
    "GradDrop",
    "GradNorm",
    "GradVac",
    "GradientRule",
    "GramianRule",
    "MoCo",
    "NashBlocks",
    "NashMTL",
    "OnMaps",
    "PCGrad",
    "SDMGrad",
    "TorchJDWeighting",
    "UPGrad",
    "Uncertainty",
]
