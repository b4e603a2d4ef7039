"""A value over the seeds of otherwise equal runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any, NamedTuple

from mtl_ase.evaluation.margin import margin_of_mean


class Spread(NamedTuple):
    """A mean over seeds.

    Attributes:
        values: by seed.
        mean: NaN without values.
        margin: half the width of the 95 % interval of the mean (Student's t); NaN for one seed.
    """

    values: Mapping[Any, float]
    mean: float
    margin: float

    @property
    def error_bar(self) -> float:
        """`margin` as figures draw it: no bar, 0, where it is not known."""
        return 0.0 if math.isnan(self.margin) else self.margin

    @classmethod
    def of(cls, values: Mapping[Any, float]) -> Spread:
        """The spread of values by seed; those that are NaN are left out."""
        known = {seed: value for seed, value in values.items() if not math.isnan(value)}
        mean = statistics.fmean(known.values()) if known else math.nan
        return cls(known, mean, margin_of_mean(list(known.values())))
