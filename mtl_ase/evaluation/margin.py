"""Intervals of means over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from scipy import stats

from mtl_ase.evaluation.statistics import LEVEL


def margin_of_mean(values: Sequence[float]) -> float:
    """Half the width of a mean's 95 % interval (Student's t); NaN for fewer than two values."""
    count = len(values)
    if count < 2:
        return math.nan
    quantile = float(stats.t.ppf((1 + LEVEL / 100) / 2, count - 1))
    return quantile * statistics.stdev(values) / math.sqrt(count)
