"""What config files from elsewhere may say: values and nodes, but nothing to Hydra itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import hydra._internal.hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.plugins.config_source import ConfigResult
from omegaconf import Container, OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.config.allow_list import strings
from mtl_ase.config.explain import CONFIGS

HARMLESS = "hydra|chosen|folder_name|sweep_or|once|now|job_folder|fast_precision"
"""Resolvers that tell nothing of the machine and make no nodes."""
ALLOWED = re.compile(rf"\s*(?:\.*[A-Za-z_][\w.\[\]-]*\s*\}}|(?:{HARMLESS})\s*:)")
"""What may follow the opening of an interpolation: a key of the config, or such a resolver."""


class CheckedLoader(ConfigLoaderImpl):
    """Hydra's loader, which looks at files from other folders than ours before it uses them.

    Those of `--config-dir`, `--config-path` and `hydra.searchpath` may come from a stranger. Hydra
    itself builds what lies under `hydra` (callbacks, handlers of logs), starts what its launchers
    are told to and sets variables of the environment, all before a command sees the config.
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
    """Have Hydra load configs by our loader; it has no place to say so."""
    hydra._internal.hydra.ConfigLoaderImpl = CheckedLoader  # type: ignore[attr-defined]


def _check(loaded: ConfigResult, name: str) -> None:
    """Refuse what a file from elsewhere may not say.

    Raises:
        UserError: it sets something of Hydra's, or asks for more than keys of the config.
    """
    scheme, _, folder = loaded.path.partition("://")
    if scheme != "file" or Path(folder).resolve() == CONFIGS.resolve():
        return
    file = Path(folder) / f"{name.removesuffix('.yaml')}.yaml"
    assert isinstance(loaded.config, Container)
    content = OmegaConf.to_container(loaded.config, resolve=False)
    if isinstance(content, dict) and "hydra" in content:
        raise UserError(
            f"{file} sets hydra, which files outside of {CONFIGS} may not; say it on the command "
            f"line, or in {CONFIGS}/local/default.yaml."
        )
    for key, text in strings(content):
        if any(ALLOWED.match(rest) is None for rest in text.split("${")[1:]):
            raise UserError(
                f"{file}: {key}={text} is an interpolation that files outside of {CONFIGS} may not "
                f"have; they may name keys of the config, and the resolvers {HARMLESS}."
            )
