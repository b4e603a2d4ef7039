"""Proposing the values of the next trial from the results of the finished ones."""

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
    """The values of a trial, by the tree-structured Parzen estimator (Optuna's TPESampler).

    A pure function of its arguments, so a search that was killed goes on as if it was not: no
    sampler state is carried from one proposal to the next.

    Args:
        space: the search space.
        direction: "maximize" or "minimize".
        seed: seed of the search.
        number: number of the trial; together with `seed` it seeds the sampler.
        finished: trials with a result, ordered by number.

    Returns:
        A value for every key of the space.
    """
    sampler_seed = np.random.SeedSequence((seed, number)).generate_state(1)
    study = optuna.create_study(direction=direction, sampler=TPESampler(seed=int(sampler_seed[0])))
    study.add_trials(finished)
    values: Values = study.ask(distributions(space)).params
    return values


def distributions(space: Mapping[str, Dimension]) -> dict[str, BaseDistribution]:
    """The search space as Optuna distributions, sorted by key."""
    return {key: _distribution(space[key]) for key in sorted(space)}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.options)
    if dimension.kind == "int":
        return IntDistribution(int(dimension.low), int(dimension.high))
    return FloatDistribution(dimension.low, dimension.high, log=dimension.kind == "log")
