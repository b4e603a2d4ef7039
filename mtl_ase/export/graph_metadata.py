"""What a file of the whole network says of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mtl_ase.base.atomic_files import write_json
from mtl_ase.export.facts import Facts, classes_of
from mtl_ase.export.named_outputs import Input, Outputs


def graph_metadata(
    facts: Facts, size_hw: tuple[int, int], outputs: Outputs, given: Input
) -> dict[str, str]:
    """Text by key; lists and mappings as JSON.

    Args:
        facts: what is known of the network.
        size_hw: (H, W) of the images.
        outputs: "logits" or "predictions".
        given: "bytes" or "floats".
    """
    kind = "uint8" if given == "bytes" else "float32"
    return {
        "input": f"image: {kind} RGB 0..255, (batch, 3, {size_hw[0]}, {size_hw[1]})",
        "outputs": outputs,
        "image_size": json.dumps(list(size_hw)),
        "tasks": json.dumps(list(facts["tasks"])),
        "classes": json.dumps(classes_of(facts)),
        "normalisation": json.dumps(facts["input"]["normalisation"]),
        "licence": facts["licence"],
        "backbone": json.dumps(facts["backbone"]),
        "experiment": str(facts["experiment"]),
        "mtl_ase": facts["versions"]["mtl_ase"],
    }


def write_graph_facts(
    folder: Path,
    kind: str,
    sizes_hw: Sequence[tuple[int, int]],
    outputs: Outputs,
    given: Input,
    facts: Facts,
) -> None:
    """Write export.json of a folder with graphs.

    Args:
        folder: the exported folder.
        kind: the format, "onnx" or "torch".
        sizes_hw: (H, W) of the images, one for each file.
        outputs: "logits" or "predictions".
        given: "bytes" or "floats".
        facts: what is known of the network.
    """
    sizes = {"image_sizes": [list(size_hw) for size_hw in sizes_hw]}
    layout = {"format": kind, **sizes, "outputs": outputs, "input_type": given}
    write_json(folder / "export.json", {**layout, **facts})
