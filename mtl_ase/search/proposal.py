"""What to try next, as a function of what was found so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from mtl_ase.search.command_line import Direction
from mtl_ase.search.space import Choice, Dimension

Values = dict[str, float | int | str]


def propose(
    space: Mapping[str, Dimension],
    direction: Direction,
    seed: int,
    number: int,
    finished: Sequence[FrozenTrial],
) -> Values:
    """The values of a trial, by the tree-structured Parzen estimator.

    They follow from the arguments alone: nothing is drawn from what an earlier proposal left.

    Args:
        space: what may be tried.
        direction: in which the metric is better.
        seed: of the search.
        number: of the trial.
        finished: trials with their results, in the order of their numbers.
    """
    drawn = np.random.SeedSequence((seed, number)).generate_state(1)
    study = optuna.create_study(direction=direction, sampler=TPESampler(seed=int(drawn[0])))
    study.add_trials(finished)
    values: Values = study.ask(distributions(space)).params
    return values


def distributions(space: Mapping[str, Dimension]) -> dict[str, BaseDistribution]:
    """The space as Optuna has it, in the order of the keys."""
    return {key: _distribution(space[key]) for key in sorted(space)}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.options)
    if dimension.kind == "int":
        return IntDistribution(int(dimension.low), int(dimension.high))
    return FloatDistribution(dimension.low, dimension.high, log=dimension.kind == "log")
