"""The whole network as an ONNX file."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch

from mtl_ase.base.errors import UserError
from mtl_ase.export.facts import Facts
from mtl_ase.export.graph_metadata import graph_metadata, write_graph_facts
from mtl_ase.export.named_outputs import BATCH, IMAGE, Input, Outputs, exported_program, file_name
from mtl_ase.export.trained_run import TrainedRun

NEEDED = ("onnx", "onnxscript")


def write_onnx(
    trained: TrainedRun,
    facts: Facts,
    folder: Path,
    sizes_hw: Sequence[tuple[int, int]],
    outputs: Outputs = "logits",
    given: Input = "bytes",
) -> None:
    """Write one ONNX file for each image size, and export.json; the batch is of any size.

    Args:
        trained: the run.
        facts: what is known of it; a part becomes metadata of the files.
        folder: an existing folder.
        sizes_hw: (H, W) of the images.
        outputs: "logits" or "predictions".
        given: the input's type, "bytes" or "floats"; 0..255 in both.

    Raises:
        UserError: the network can't take images of such a size, or packages are missing.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise UserError(
            f"format=onnx needs {' and '.join(missing)}; install them with "
            'pip install "mtl_ase[export]".'
        )
    for size_hw in sizes_hw:
        program = torch.onnx.export(
            exported_program(trained, size_hw, outputs, given),
            dynamo=True,
            input_names=[IMAGE],
            output_names=list(trained.tasks),
            dynamic_shapes={IMAGE: {0: BATCH}},
            verbose=False,
        )
        assert program is not None
        program.model.metadata_props.update(graph_metadata(facts, size_hw, outputs, given))
        program.save(folder / file_name(size_hw, ".onnx"), external_data=False)
    write_graph_facts(folder, "onnx", sizes_hw, outputs, given, facts)
