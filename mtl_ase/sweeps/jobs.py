"""The list of jobs of a sweep, from its command line."""

from __future__ import annotations

import itertools
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.sweeps.job import Job
from mtl_ase.sweeps.job_folder import job_folder
from mtl_ase.sweeps.overrides import as_typed


def jobs_of(config: DictConfig) -> list[Job]:
    """All combinations of the swept values, as Hydra's basic sweeper makes them, finished or not.

    Args:
        config: the config of the whole sweep, including the `hydra` node.

    Raises:
        UserError: two combinations are the same job.
    """
    params = config.hydra.sweeper.get("params") or {}
    typed = as_typed(config.hydra.overrides.task)
    given = [*(f"{key}={value}" for key, value in params.items()), *typed]
    loader = GlobalHydra.instance().config_loader()  # expands glob(*) to names of config files
    overrides = OverridesParser.create(config_loader=loader).parse_overrides(given)
    batches = BasicSweeper.split_arguments(overrides, None)
    sweep = Path(config.hydra.sweep.dir).absolute()
    jobs = [
        Job(tuple(job), sweep / job_folder(job)) for job in itertools.chain.from_iterable(batches)
    ]
    _refuse_duplicates(jobs)
    return jobs


def _refuse_duplicates(jobs: list[Job]) -> None:
    seen: set[Path] = set()
    for job in jobs:
        if job.folder in seen:
            raise UserError(
                f"two jobs of the sweep are the same ({job.folder.name}); give every value once, "
                "and one run_dir and one resume for all jobs."
            )
        seen.add(job.folder)
