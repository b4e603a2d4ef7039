"""The whole network as a file of torch.export, which needs torch alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from mtl_ase.export.facts import Facts
from mtl_ase.export.graph_metadata import graph_metadata, write_graph_facts
from mtl_ase.export.named_outputs import Input, Outputs, exported_program, file_name
from mtl_ase.export.trained_run import TrainedRun


def write_torch(
    trained: TrainedRun,
    facts: Facts,
    folder: Path,
    sizes_hw: Sequence[tuple[int, int]],
    outputs: Outputs = "logits",
    given: Input = "bytes",
) -> None:
    """Write one .pt2 file for each image size, and export.json.

    `torch.export.load(FILE).module()(image_BCHW)` gives a dictionary of tensors by task.

    Args:
        trained: the run.
        facts: what is known of it.
        folder: an existing folder.
        sizes_hw: (H, W) of the images.
        outputs: "logits" or "predictions".
        given: the input's type, "bytes" or "floats"; 0..255 in both.

    Raises:
        UserError: the network can't take images of such a size.
    """
    for size_hw in sizes_hw:
        program = exported_program(trained, size_hw, outputs, given)
        texts = graph_metadata(facts, size_hw, outputs, given)
        torch.export.save(program, folder / file_name(size_hw, ".pt2"), extra_files=texts)
    write_graph_facts(folder, "torch", sizes_hw, outputs, given, facts)
