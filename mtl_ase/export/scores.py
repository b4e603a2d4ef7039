"""The scores of a run, with intervals where evaluate.py was run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mtl_ase.base.json_files import read_scores
from mtl_ase.base.run_files import RunFiles
from mtl_ase.evaluation import read_details


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
    details = read_details(files.details)
    if details is not None:
        found = {key: score for key, score in details.scores.items() if score is not None}
        return KnownScores(
            {key: None if score is None else score.value for key, score in details.scores.items()},
            {key: (score.low, score.high) for key, score in found.items()},
            # of several runs at once, evaluate.py writes the run's name instead of the checkpoint's
            details.name if details.name in ("last", "best") else None,
            details.protocol,
            details.images,
        )
    metrics = read_scores(files.metrics)
    return KnownScores(metrics, {}, "last", None, None) if metrics else None
