"""Training: the Lightning module, optimiser groups, schedules, logs."""

from mtl_ase.training.backbone_export import BackboneExport
from mtl_ase.training.best_checkpoint import BestCheckpoint
from mtl_ase.training.checkpoint_files import CheckpointFiles
from mtl_ase.training.csv_log import CSVLog
from mtl_ase.training.ema import EMA
from mtl_ase.training.gradient_log import GradientLog
from mtl_ase.training.last_checkpoint import LastCheckpoint, Stopped
from mtl_ase.training.module import MultiTaskModule
from mtl_ase.training.muon import Muon
from mtl_ase.training.parameter_groups import parameter_groups
from mtl_ase.training.progress import Progress
from mtl_ase.training.router_alarm import RouterAlarm
from mtl_ase.training.router_log import RouterLog
from mtl_ase.training.routing_callback import RoutingCallback
from mtl_ase.training.schedules import Cosine, Poly, Schedule
from mtl_ase.training.skipped_samples import SkippedSamples
from mtl_ase.training.summary import Summary
from mtl_ase.training.tensorboard_log import TensorBoardLog
from mtl_ase.training.wandb_log import WandbLog

__all__ = [
    "EMA",
    "BackboneExport",
    "BestCheckpoint",
    "CSVLog",
    "CheckpointFiles",
    "Cosine",
    "GradientLog",
    "LastCheckpoint",
    "MultiTaskModule",
    "Muon",
    "Poly",
    "Progress",
    "RouterAlarm",
    "RouterLog",
    "RoutingCallback",
    "Schedule",
    "SkippedSamples",
    "Stopped",
    "Summary",
    "TensorBoardLog",
    "WandbLog",
    "parameter_groups",
]
