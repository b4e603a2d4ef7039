"""The network as a function from images to one named tensor for each task.

Legend: B images, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from mtl_ase.export.image_sizes import network_for
from mtl_ase.export.merged import merged
from mtl_ase.export.trained_run import TrainedRun
from mtl_ase.tasks import Task

Outputs = Literal["logits", "predictions"]
Input = Literal["bytes", "floats"]
DTYPES = {"bytes": torch.uint8, "floats": torch.float32}
IMAGE, BATCH = "image", "batch"
TRACED_BATCH = 2
"""A batch of 1 would be taken for a constant."""


class NamedOutputs(nn.Module):
    """Images to logits by task at their size, or to predictions: class ids, probabilities, ...

    Args:
        network: the network.
        tasks: the tasks by name.
        outputs: "logits", (B, C, H, W); or "predictions", as the tasks' activations give them.
    """

    def __init__(self, network: nn.Module, tasks: Mapping[str, Task], outputs: Outputs) -> None:
        super().__init__()
        self.network, self.outputs = network, outputs
        self.activations = {name: torch.vmap(task.output.activate) for name, task in tasks.items()}

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """One tensor for each task.

        Args:
            image: image_BCHW, bytes or floats in 0..255.
        """
        logits: dict[str, Tensor] = self.network(image).logits
        if self.outputs == "logits":
            return logits
        return {name: activate(logits[name]) for name, activate in self.activations.items()}


def exported_program(
    trained: TrainedRun, size_hw: tuple[int, int], outputs: Outputs, given: Input
) -> ExportedProgram:
    """The network for images of a size, traced by torch.export with a batch of any size.

    Plain LoRA is merged into the weights, which are in 32 bits.

    Args:
        trained: the run.
        size_hw: (H, W) of the images.
        outputs: "logits" or "predictions".
        given: the input's type, "bytes" or "floats"; 0..255 in both.
    """
    network = network_for(trained.network, trained.config, trained.tasks, size_hw)
    function = NamedOutputs(merged(network).float(), trained.tasks, outputs).eval()
    image_BCHW = torch.zeros(TRACED_BATCH, 3, *size_hw, dtype=DTYPES[given])
    with torch.no_grad():
        shapes = {IMAGE: {0: Dim(BATCH)}}
        return torch.export.export(function, (image_BCHW,), dynamic_shapes=shapes)


def file_name(size_hw: tuple[int, int], suffix: str) -> str:
    """The file of one image size, e.g. "network_128x160.onnx" (height first)."""
    return f"network_{size_hw[0]}x{size_hw[1]}{suffix}"
