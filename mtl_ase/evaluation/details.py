"""The file details.json of an evaluation: scores with intervals, by class, and of edge curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtl_ase.base.errors import UserError
from mtl_ase.base.json_files import read_json
from mtl_ase.evaluation.protocol import RESIZE_FIRST
from mtl_ase.evaluation.statistics import Interval

BY_CLASS = " by class"
CURVE = " curve"
SCORES_RESIZE_FIRST = f"scores {RESIZE_FIRST}"


@dataclass(frozen=True)
class Details:
    """An evaluation's scores, percent and degrees, by key.

    Attributes:
        name: of the network; of a single run, its checkpoint, "last" or "best".
        dataset: name of the data set.
        protocol: name of the protocol.
        images: number of images; None in a file that does not tell.
        scores: with 95 % bootstrap intervals over images; None where one is undefined.
        order: "activate_first" or "resize_first"; None for prediction files, and in older files.
        by_class: scores of classes by key of the metric; None for a class without pixels.
        curves: ODS with its threshold, OIS and AP by key of an edge metric.
        resize_first: the scores in that order, if `order` is "activate_first".
    """

    name: str
    dataset: str
    protocol: str
    images: int | None
    scores: Mapping[str, Interval | None]
    order: str | None = None
    by_class: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    resize_first: Mapping[str, float | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The content of the file."""
        content: dict[str, Any] = {
            "name": self.name,
            "dataset": self.dataset,
            "protocol": self.protocol,
            "order": self.order,
            "images": self.images,
            "scores": {
                key: None if interval is None else dataclasses.asdict(interval)
                for key, interval in self.scores.items()
            },
        }
        if self.resize_first:
            content[SCORES_RESIZE_FIRST] = self.resize_first
        content |= {f"{key}{CURVE}": curve for key, curve in self.curves.items()}
        return content | {f"{key}{BY_CLASS}": scores for key, scores in self.by_class.items()}


def read_details(path: Path) -> Details | None:
    """The details of an evaluation; None if there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    content = read_json(path)
    if not content:
        return None
    try:
        images, order = content.get("images"), content.get("order")
        return Details(
            str(content.get("name", "")),
            str(content["dataset"]),
            str(content["protocol"]),
            None if images is None else int(images),
            {key: _interval(score) for key, score in content["scores"].items()},
            None if order is None else str(order),
            {key: _numbers(scores) for key, scores in _ending(content, BY_CLASS).items()},
            _ending(content, CURVE),
            _numbers(content.get(SCORES_RESIZE_FIRST, {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is not what evaluate.py writes ({type(error).__name__}: {error}); "
            "remove it, or evaluate again."
        ) from error


def _interval(score: Mapping[str, Any] | None) -> Interval | None:
    if score is None:
        return None
    return Interval(float(score["value"]), float(score["low"]), float(score["high"]))


def _numbers(scores: Mapping[str, Any]) -> dict[str, float | None]:
    return {key: None if score is None else float(score) for key, score in scores.items()}


def _ending(content: Mapping[str, Any], end: str) -> dict[str, Any]:
    """The entries whose key ends so, without that end."""
    return {key.removesuffix(end): part for key, part in content.items() if key.endswith(end)}
