"""The scores of one network on one data set, with intervals and comparisons.

Legend: I images, K counts.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.evaluation.statistics import Comparison, Interval, Score, bootstrap, compare
from mtl_ase.metrics import CountingMetric, delta_m

SEED = 0
DELTA_M = "delta_m"


@dataclass(frozen=True)
class Scores:
    """Counts of every image, and the scores computed from them.

    Attributes:
        name: name of the network, for tables.
        dataset: name of the data set.
        protocol: name of the evaluation protocol.
        image_ids: ids of the images, in the order of the tables' rows.
        metrics: metrics by full key.
        tables: counts_IK by full key; a row is zero if the metric does not use that image.
        headlines: full keys of the tasks' metrics in delta_m.
        reference: single-task results by full key; empty without a matching reference.
        order: "activate_first" or "resize_first", see `EvalProtocol`; None for prediction files.
        resize_first: the same network's scores in that order, if `order` is "activate_first".
    """

    name: str
    dataset: str
    protocol: str
    image_ids: Sequence[str]
    metrics: Mapping[str, CountingMetric]
    tables: Mapping[str, Tensor]
    headlines: Sequence[str]
    reference: Mapping[str, float]
    order: str | None = None
    resize_first: Scores | None = None

    @property
    def keys(self) -> list[str]:
        """Full keys of all metrics, then delta_m."""
        return [*self.metrics, DELTA_M]

    def value(self, key: str) -> float | None:
        """The score of all images; None if undefined, as delta_m is without a task's images."""
        if key == DELTA_M and not set(self.headlines) <= self.tables.keys():
            return None
        score, tables = self._score(key)
        value = float(score([table_IK.sum(0) for table_IK in tables]))
        return None if math.isnan(value) else value

    @functools.cached_property
    def intervals(self) -> dict[str, Interval | None]:
        """All scores with their bootstrap intervals over images."""
        return {
            key: None if self.value(key) is None else bootstrap(*self._score(key), seed=SEED)
            for key in self.keys
        }

    def per_image(self, key: str) -> list[float | None]:
        """The score of each image alone; None if undefined."""
        scores_I = self.metrics[key].score(self.tables[key])
        return [None if math.isnan(value) else value for value in scores_I.tolist()]

    def compare(self, key: str, other: Scores) -> Comparison | None:
        """The other network's score minus this one's, on the same images; None if undefined.

        Raises:
            UserError: protocol, order, data set or images differ.
        """
        self.check_comparable(other)
        if key not in other.keys or self.value(key) is None or other.value(key) is None:
            return None
        score, tables = self._score(key)
        return compare(score, tables, other._score(key)[1], SEED)

    def check_comparable(self, other: Scores) -> None:
        """Check that both have the same protocol, order, data set and images.

        Raises:
            UserError: one of them differs.
        """
        for what in ("dataset", "protocol", "order", "image_ids"):
            if getattr(self, what) != getattr(other, what):
                raise UserError(
                    f"{self.name} and {other.name} were scored with different {what}; compare runs "
                    "on the same images by the same protocol, with one reference=NAME for all."
                )

    def _score(self, key: str) -> tuple[Score, list[Tensor]]:
        if key != DELTA_M:
            return (lambda counts: self.metrics[key].score(counts[0])), [self.tables[key]]
        return self._delta_m, [self.tables[headline] for headline in self.headlines]

    def _delta_m(self, counts: Sequence[Tensor]) -> Tensor:
        metrics = {key: self.metrics[key] for key in self.headlines}
        values = {
            key: metric.score(counts_K)
            for (key, metric), counts_K in zip(metrics.items(), counts, strict=True)
        }
        better = {key: bool(metric.higher_is_better) for key, metric in metrics.items()}
        return delta_m(values, self.reference, better)
