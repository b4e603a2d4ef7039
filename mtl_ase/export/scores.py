"""The scores of a run, with intervals where evaluate.py was run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl_ase.base.errors import UserError
from mtl_ase.base.run_files import RunFiles


@dataclass(frozen=True)
class KnownScores:
    """Scores by metric, percent and degrees.

    Attributes:
        values: the scores; None where one can't be known.
        intervals: lower and upper bound of 95 % bootstrap intervals over images.
        checkpoint: name of the scored checkpoint; None if it is not known.
        protocol: the protocol of evaluate.py; None: the final validation of the training.
        images: number of images; None if it is not known.
    """

    values: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    checkpoint: str | None
    protocol: str | None
    images: int | None

    def as_json(self) -> dict[str, Any]:
        """The same for a JSON file."""
        return {
            "checkpoint": self.checkpoint,
            "protocol": self.protocol,
            "images": self.images,
            "values": self.values,
            "intervals": {key: list(bounds) for key, bounds in self.intervals.items()},
        }


def known_scores(files: RunFiles) -> KnownScores | None:
    """What evaluate.py found, or else the final validation; None if there is neither.

    Raises:
        UserError: a file of the run can't be read.
    """
    if files.details.is_file():
        return _evaluated(files.details)
    if not files.metrics.is_file():
        return None
    return KnownScores(_read(files.metrics), {}, "last", None, None)


def _evaluated(path: Path) -> KnownScores:
    content = _read(path)
    try:
        found = {key: score for key, score in content["scores"].items() if score is not None}
        values = {key: None if s is None else s["value"] for key, s in content["scores"].items()}
        intervals = {key: (score["low"], score["high"]) for key, score in found.items()}
        # of several runs at once, evaluate.py writes the run's name instead of the checkpoint's
        checkpoint = content["name"] if content["name"] in ("last", "best") else None
        return KnownScores(values, intervals, checkpoint, content["protocol"], content["images"])
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is no file of evaluate.py ({error!r}); evaluate the run again."
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} can't be read ({error}); evaluate the run again.") from error
