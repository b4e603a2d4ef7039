"""Export of trained networks: adapters, PEFT, torch.export, ONNX; model cards, upload."""

from mtl_ase.export.adapter_files import is_exported, read_adapters, write_adapters
from mtl_ase.export.hub import upload
from mtl_ase.export.model_card import write_card
from mtl_ase.export.onnx_file import write_onnx
from mtl_ase.export.peft_files import write_peft
from mtl_ase.export.torch_program import write_torch
from mtl_ase.export.trained_run import TrainedRun, read_run

__all__ = [
    "TrainedRun",
    "is_exported",
    "read_adapters",
    "read_run",
    "upload",
    "write_adapters",
    "write_card",
    "write_onnx",
    "write_peft",
    "write_torch",
]
