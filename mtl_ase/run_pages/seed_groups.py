"""Runs that differ in their seed alone: means with intervals over seeds, paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtl_ase.evaluation.spread import Spread
from mtl_ase.metrics.delta_m import gain_of
from mtl_ase.run_pages.flat_config import Flat, without_seeds
from mtl_ase.run_pages.run_content import RunContent
from mtl_ase.sweeps.overrides import leaf

MOST_KEYS = 4


@dataclass(frozen=True)
class Group:
    """Runs of one config.

    Attributes:
        name: what tells it apart from the other groups.
        runs: the runs by seed.
    """

    name: str
    runs: Mapping[str, RunContent]

    def spread(self, key: str) -> Spread:
        """The scores of a metric over the seeds."""
        return spread_of({seed: run.metrics.get(key) for seed, run in self.runs.items()})

    def over(self, other: Group, better: Mapping[str, bool]) -> Spread:
        """What it gains over another, seed by seed: delta_m in percent over the run of the other.

        Args:
            other: the group that it is compared with.
            better: the tasks' headline metrics; whether higher is better.
        """
        gains = {}
        for seed, run in self.runs.items():
            if seed in other.runs:
                own, others = (_known(each.metrics, better) for each in (run, other.runs[seed]))
                gains[seed] = gain_of(own, others, better)
        return spread_of(gains)


def seed_groups(runs: Sequence[RunContent]) -> list[Group]:
    """The runs by their configs, in the order of the first of each."""
    found: list[tuple[Flat, dict[str, RunContent]]] = []
    for run in runs:
        config = without_seeds(run.flat)
        seed = run.flat.get("seed", "-")
        for known, of_seed in found:
            if known == config and seed not in of_seed:
                of_seed[seed] = run
                break
        else:
            found.append((config, {seed: run}))
    names = group_names([config for config, _ in found])
    return [Group(name, runs) for name, (_, runs) in zip(names, found, strict=True)]


def group_names(configs: Sequence[Flat]) -> list[str]:
    """A name for every config: its experiment's, with values that differ from the others'."""
    experiments = [config.get("experiment_name", "run") for config in configs]
    names = []
    for config, experiment in zip(configs, experiments, strict=True):
        alike = [c for c, e in zip(configs, experiments, strict=True) if e == experiment]
        keys = [key for key in config if len({each.get(key) for each in alike}) > 1]
        told = [f"{leaf(key)} {config[key]}" for key in keys[:MOST_KEYS]]
        names.append(", ".join([experiment, *told]))
    return [
        name if names.count(name) == 1 else f"{name} ({number})"
        for number, name in enumerate(names, 1)
    ]


def spread_of(values: Mapping[str, float | None]) -> Spread:
    """The spread of what is known."""
    return Spread.of({s: v for s, v in values.items() if v is not None and math.isfinite(v)})


def _known(metrics: Mapping[str, float | None], keys: Mapping[str, bool]) -> dict[str, float]:
    values = ((key, metrics.get(key)) for key in keys)
    return {key: math.nan if value is None else value for key, value in values}
