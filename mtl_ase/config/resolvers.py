"""OmegaConf resolvers for configs: names of chosen options, precision, folders of runs and sweeps.

They are registered on import, so that the worker processes of a sweep have them too.
"""

from __future__ import annotations

import re
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import Container, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.machine.precision import fast_precision
from mtl_ase.sweeps import as_typed, is_swept, job_folder, key_of

SEVERAL = "several"
LONGEST_BYTES = 255
"""Longest folder name on nearly all file systems."""


def register_resolvers() -> None:
    """Register all resolvers with OmegaConf."""
    OmegaConf.register_new_resolver("chosen", _chosen, replace=True)
    OmegaConf.register_new_resolver("folder_name", _folder_name, replace=True)
    OmegaConf.register_new_resolver("sweep_or", _sweep_or, replace=True)
    OmegaConf.register_new_resolver("once", _once, replace=True, use_cache=True)
    OmegaConf.register_new_resolver("job_folder", _job_folder, replace=True)
    OmegaConf.register_new_resolver("fast_precision", fast_precision, replace=True)


def _chosen(group: str, _root_: Container) -> Any:
    """Name of the chosen option of a config group; "several" if the group is swept.

    Hydra's own `${hydra:runtime.choices.GROUP}` is not set yet when the folder of a sweep is named.
    """
    hydra = _hydra(_root_)
    if any(key_of(item) == group and is_swept(item) for item in as_typed(hydra.overrides.task)):
        return SEVERAL
    return hydra.runtime.choices[group]


def _folder_name(name: str) -> str:
    """The name, after a check that it is a single folder name and not a path.

    Raises:
        UserError: it contains slashes or control characters, or consists of dots.
    """
    is_one = re.fullmatch(r"(?!\.+$)[^/\\\x00-\x1f]{1,200}", str(name))
    if not is_one or len(str(name).encode()) > LONGEST_BYTES:
        raise UserError(
            f"experiment_name={name!r} can't be a folder's name; leave out slashes and dots, "
            "or give run_dir."
        )
    return str(name)


def _sweep_or(name: str, _root_: Container) -> str:
    """The name, e.g. a time; "sweep" in a multirun, so that a continued sweep finds its folder."""
    return "sweep" if _hydra(_root_).mode == RunMode.MULTIRUN else name


def _once(value: Any) -> Any:
    """The value as first resolved in the config of the whole sweep, also in its jobs' configs.

    It is registered with OmegaConf's cache, which Hydra copies to the jobs for `${now:...}`.
    """
    return value


def _job_folder(_root_: Container) -> str:
    """The name of a job's folder within the sweep's."""
    return job_folder(as_typed(_hydra(_root_).overrides.task))


def _hydra(root: Container) -> Any:
    hydra = OmegaConf.select(root, "hydra")
    return HydraConfig.get() if hydra is None else hydra


register_resolvers()
