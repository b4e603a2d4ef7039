"""The model card: README.md of an exported folder, as model hubs show it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.markdown import in_markdown
from mtl_ase.export.facts import Facts
from mtl_ase.export.licences import UNKNOWN
from mtl_ase.export.usage_code import usage_code

CARD = "README.md"
WHAT = {
    "adapters": "The weights that were trained, without the frozen backbone",
    "peft": "LoRA in PEFT's format for timm's ViT, without heads",
    "onnx": "The whole network as ONNX, one file for each image size",
    "torch": "The whole network as programs of torch.export, one file for each image size",
}


def write_card(folder: Path, hub: str | None = None) -> None:
    """Write README.md from export.json.

    Args:
        folder: the exported folder.
        hub: OWNER/NAME of the repository that it is going to be uploaded to.
    """
    facts: Facts = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    tasks = ", ".join(name.replace("_", " ") for name in facts["tasks"])
    revision = facts["git_revision"]
    parts = [
        f"---\n{_front_matter(facts).to_yaml()}\n---\n",
        f"# {' '.join(str(facts['experiment']).split())}: {tasks}\n",
        f"{WHAT[facts['format']]}, written by mtl_ase {facts['versions']['mtl_ase']} "
        f"(training code at {revision[:12]}).\n"
        if revision
        else f"{WHAT[facts['format']]}, written by mtl_ase {facts['versions']['mtl_ase']}.\n",
        "## Use\n",
        f"```python\n{usage_code(facts, folder, hub)}```\n",
        *_outputs(facts),
        *_scores(facts),
        *_data(facts),
        *_parameter_lines(facts),
        *_licence(facts),
    ]
    write_atomically(folder / CARD, "\n".join(parts).encode())


def _front_matter(facts: Facts) -> ModelCardData:
    scores = facts["scores"] if _fits(facts) else None
    results = [
        EvalResult(
            task_type="image-segmentation",
            task_name=key.partition("/")[0],
            dataset_type=facts["data"]["name"],
            dataset_name=facts["data"]["name"],
            dataset_split="validation",
            metric_type=key,
            metric_value=round(value, 4),
        )
        for key, value in (scores["values"].items() if scores else ())
        if value is not None
    ]
    return ModelCardData(
        license=facts["licence"],
        library_name="mtl_ase",
        pipeline_tag="image-segmentation",
        tags=["multi-task", "dense-prediction", *facts["tasks"]],
        model_name=str(facts["experiment"]),
        eval_results=results or None,
    )


def _outputs(facts: Facts) -> Iterator[str]:
    size = "x".join(map(str, facts["input"]["image_size"]))
    scale = facts["input"]["normalisation"]
    yield "## Input and outputs\n"
    yield (
        f"RGB images, 0..255; trained at {size} pixels (height x width), into which photos were "
        f"fitted by `{facts['input']['fit']}`. The mean {scale['mean']} "
        f"is subtracted and the result divided by {scale['std']}"
        + (", as the code above does.\n" if facts["format"] == "peft" else " inside the network.\n")
    )
    for name, task in facts["tasks"].items():
        values = ", ".join(f"{word} {value}" for word, value in task["values"].items())
        yield f"- `{name}`, channels: {task['channels']}{f'; {values}' if values else ''}"
    yield ""


def _scores(facts: Facts) -> Iterator[str]:
    yield "## Scores\n"
    scores = facts["scores"]
    if scores is None:
        yield "The run left no scores.\n"
        return
    yield _about(facts) + "\n"
    if not _fits(facts):
        return
    rows = [
        [f"`{key}`", "-" if value is None else _number(value), _interval(scores, key)]
        for key, value in scores["values"].items()
    ]
    yield in_markdown(["metric", "value", "95 % interval"], rows) + "\n"


def _fits(facts: Facts) -> bool:
    """Whether the scores may be those of the exported checkpoint."""
    scores = facts["scores"]
    return scores is not None and scores["checkpoint"] in (None, facts["checkpoint"])


def _about(facts: Facts) -> str:
    scores, data = facts["scores"], facts["data"]["name"]
    if not _fits(facts):
        return (
            f"The run was scored at checkpoint={scores['checkpoint']}, but this is its "
            f"checkpoint={facts['checkpoint']}, of which nothing is known."
        )
    if scores["protocol"] is None:
        return (
            f"Of the final validation on {data}, in percent and degrees; intervals come from "
            "evaluate.py, which was not run."
        )
    return (
        f"By evaluate.py on {scores['images']} images of {data}, protocol {scores['protocol']}, in "
        "percent and degrees; the intervals are bootstrapped over images, not over trainings."
    )


def _interval(scores: Mapping[str, Any], key: str) -> str:
    bounds = scores["intervals"].get(key)
    return "-" if bounds is None else f"{_number(bounds[0])} to {_number(bounds[1])}"


def _number(value: float) -> str:
    """Two decimals; four for values below 0.5, such as a cross-entropy."""
    return f"{value:.4f}" if 0 < abs(value) < 0.5 else f"{value:.2f}"


def _data(facts: Facts) -> Iterator[str]:
    data = facts["data"]
    counts = [(split, found.get("images")) for split, found in data.get("coverage", {}).items()]
    numbers = ", ".join(f"{count} images in {split}" for split, count in counts)
    yield "## Training data\n"
    yield f"{data['name']}{f': {numbers}' if numbers else ''}. Its own terms apply.\n"


def _parameter_lines(facts: Facts) -> Iterator[str]:
    rows = [[name.replace("_", " "), f"{n:,}"] for name, n in facts["parameters"].items()]
    yield "## Parameters\n"
    yield in_markdown(["part", "parameters"], rows) + "\n"


def _licence(facts: Facts) -> Iterator[str]:
    backbone = facts["backbone"]
    yield "## Licence\n"
    if facts["licence_given"]:
        yield f"What was trained: {facts['licence']}, as its exporter stated.\n"
    elif facts["licence"] == UNKNOWN:
        yield "What was trained: not stated by its exporter.\n"
    else:
        yield f"What was trained: {facts['licence']}, the licence of the backbone.\n"
    source = backbone["source"] or "random weights"
    sha256 = f", SHA-256 of its frozen weights {backbone['sha256']}" if backbone["sha256"] else ""
    yield f"The backbone: {source}{sha256}. {backbone['licence_note']}\n"
