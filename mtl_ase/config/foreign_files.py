"""Restricts config files from outside `configs/`: values and nodes, but no Hydra settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.plugins.config_source import ConfigResult
from omegaconf import Container, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import CONFIGS, IN_CHECKOUT
from mtl_ase.config.allow_list import strings

HARMLESS = "hydra|chosen|folder_name|sweep_or|once|now|job_folder|fast_precision"
"""Resolvers that reveal nothing about the machine and create no nodes."""
ALLOWED = re.compile(rf"\s*(?:\.*[A-Za-z_][\w.\[\]-]*\s*\}}|(?:{HARMLESS})\s*:)")
"""What may follow `${`: a key of the config, or one of these resolvers."""


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's config loader with a check of files from other folders than ours.

    Files of `--config-dir`, `--config-path` and `hydra.searchpath` may be untrusted. Hydra itself
    instantiates nodes under `hydra` (callbacks, log handlers), starts launchers and sets
    environment variables, all before a command gets the config.
    """

    def _load_single_config(self, default: Any, repo: Any) -> ConfigResult:
        loaded = super()._load_single_config(default, repo)
        _check(loaded, str(default.config_path))
        return loaded

    def _process_config_searchpath(
        self, config_name: str | None, parsed_overrides: Any, repo: Any
    ) -> None:
        """The search path is read from the main config first, and importing packages runs code."""
        loaded = None if config_name is None else repo.load_config(config_path=config_name)
        if loaded is not None:
            _check(loaded, str(config_name))
        super()._process_config_searchpath(config_name, parsed_overrides, repo)


def look_at_foreign_files() -> None:
    """Replace Hydra's config loader by `CheckedLoader`; Hydra has no option for this."""
    hydra._internal.hydra.ConfigLoaderImpl = CheckedLoader  # type: ignore[attr-defined]


def _check(loaded: ConfigResult, name: str) -> None:
    scheme, _, folder = loaded.path.partition("://")
    if scheme != "file" or Path(folder).resolve() == CONFIGS.resolve():
        return
    file = Path(folder) / f"{name.removesuffix('.yaml')}.yaml"
    assert isinstance(loaded.config, Container)
    check_foreign(loaded.config, file)


def check_foreign(config: Container, file: Path) -> None:
    """Check a file from outside `configs/`.

    Raises:
        UserError: it sets a key under `hydra`, or has an interpolation that is not allowed.
    """
    content = OmegaConf.to_container(config, resolve=False)
    if isinstance(content, dict) and "hydra" in content:
        local = f", or in {CONFIGS}/local/default.yaml" if IN_CHECKOUT else ""
        raise UserError(
            f"{file} sets hydra, which files outside of {CONFIGS} may not; say it on the command "
            f"line{local}."
        )
    for key, text in strings(content):
        if any(ALLOWED.match(rest) is None for rest in text.split("${")[1:]):
            raise UserError(
                f"{file}: {key}={text} is an interpolation that files outside of {CONFIGS} may not "
                f"have; they may name keys of the config, and the resolvers {HARMLESS}."
            )
