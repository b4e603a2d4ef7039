"""What is known of a trained network, for export.json, model cards and ONNX metadata."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mtl_ase.base.run_files import RunFiles
from mtl_ase.export.licences import Backbone, backbone_of
from mtl_ase.export.scores import known_scores
from mtl_ase.export.trained_run import TrainedRun
from mtl_ase.model import count_parameters
from mtl_ase.tasks import Task
from mtl_ase.tasks.task import IGNORED

Facts = dict[str, Any]


def facts_of(trained: TrainedRun, licence: str | None = None) -> Facts:
    """All that is known of a trained network, ready for JSON.

    Args:
        trained: the run.
        licence: licence of what was trained; None: the backbone's.
    """
    backbone, scores = backbone_of(trained.config), known_scores(trained.files)
    environment = _environment(trained.files)
    frozen = trained.frozen or {}
    return {
        "experiment": trained.config.experiment_name,
        "checkpoint": trained.checkpoint,
        "step": trained.step,
        "tasks": {name: _of_task(task) for name, task in trained.tasks.items()},
        "input": {
            "layout": "NCHW",
            "channels": "RGB",
            "range": [0, 255],
            "image_size": list(trained.config.data.image_size),
            "fit": trained.config.data.augmentation.fit,
            "normalisation": {**normalisation(trained.network), "where": "inside the network"},
        },
        "licence": licence or backbone.licence,
        "licence_given": licence is not None,
        "backbone": _of_backbone(trained, backbone, frozen.get("sha256")),
        "parameters": {
            name: count.total for name, count in count_parameters(trained.network).items()
        },
        "scores": None if scores is None else scores.as_json(),
        "data": environment.get("data", {"name": trained.config.data.name}),
        "versions": {
            "mtl_ase": importlib.metadata.version("mtl_ase"),
            **environment.get("packages", {}),
        },
        "git_revision": environment.get("git_revision"),
    }


def classes_of(facts: Facts) -> dict[str, dict[str, Any]]:
    """The meaning of values by task, e.g. class ids by name."""
    return {name: task["values"] for name, task in facts["tasks"].items()}


def normalisation(network: nn.Module) -> dict[str, list[float]]:
    """Mean and standard deviation by channel of bytes, as the network subtracts and divides."""
    return {
        key: _channels(next(v for name, v in network.named_buffers() if name.endswith(buffer)))
        for key, buffer in (("mean", "mean_C11"), ("std", "std_C11"))
    }


def _channels(value_C11: Tensor) -> list[float]:
    return [round(value, 4) for value in value_C11.flatten().tolist()]


def _of_task(task: Task) -> Facts:
    legend = {name: value for name, value in (task.legend or {}).items() if name != IGNORED}
    return {"channels": task.channels, "values": legend}


def _of_backbone(trained: TrainedRun, backbone: Backbone, sha256: str | None) -> Facts:
    encoder = trained.config.model.encoder
    return {
        "name": encoder.get("name"),
        "source": backbone.source,
        "sha256": sha256,
        "licence": backbone.licence,
        "licence_note": backbone.note,
    }


def _environment(files: RunFiles) -> Mapping[str, Any]:
    """environment.json of a run; empty if it is not there or damaged."""
    try:
        return dict(json.loads(files.environment.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
