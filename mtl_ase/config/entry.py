"""Entry points: a Hydra main that reports user errors in one sentence, with exit code 2."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError, exit_with
from mtl_ase.base.installation import CONFIGS
from mtl_ase.config.composing import compose_config
from mtl_ase.config.explain import explain
from mtl_ase.config.foreign_files import look_at_foreign_files
from mtl_ase.config.options import closest_option
from mtl_ase.config.own_parts import take_trust
from mtl_ase.config.resolvers import register_resolvers
from mtl_ase.config.training_help import training_help
from mtl_ase.launch.child_training import end_with_starter, this_program
from mtl_ase.launch.streams import outlive_readers
from mtl_ase.sweeps import run_in_process

Result = TypeVar("Result")


def run_main(command: Callable[[DictConfig], object], config_name: str) -> None:
    """Compose the config from the command line and run a command on it.

    Each job of a sweep runs the same program in a process of its own. Exit codes: 0 success, 2 user
    error (one sentence on stderr), 1 any other error (a traceback, or the list of failed jobs).
    """
    outlive_readers()
    end_with_starter()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises its errors instead of printing them
    register_resolvers()
    look_at_foreign_files()
    exit_on_wrong_use(_read_options)
    program, process = this_program(), os.getpid()

    @functools.wraps(command)
    def job(config: DictConfig) -> None:  # exits before Hydra adds its own lines
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            run_in_process(program, process)
        else:
            exit_on_wrong_use(lambda: command(config))

    main = hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=config_name)(job)
    exit_on_wrong_use(main)


def _read_options() -> None:
    """Take over our options and check Hydra's, before Hydra prints its whole usage instead.

    Raises:
        UserError: names an unknown option.
        SystemExit: the help was asked for, and is printed.
    """
    sys.argv[1:] = take_trust(sys.argv[1:])
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise UserError(f"{message}; {closest_option(message, parser)}--help lists what there is.")

    parser.error = refuse  # type: ignore[method-assign]
    given = parser.parse_args(sys.argv[1:])
    if given.help:
        print(training_help(given.config_dir))
        sys.exit(0)


def run_once(command: Callable[[DictConfig], Result], overrides: Sequence[str]) -> Result:
    """Compose the training config and run a command on it that needs no run folder."""
    look_at_foreign_files()
    return exit_on_wrong_use(lambda: command(compose_config(overrides)))


def exit_on_wrong_use(main: Callable[[], Result]) -> Result:
    """Run `main`; user errors are printed as one sentence, with exit code 2."""
    outlive_readers()
    try:
        _check_assertions()
        return main()
    except Exception as error:
        sentence = explain(error)
        if sentence is None:
            raise
        exit_with(sentence)


def _check_assertions() -> None:
    """Reject `python -O`: Hydra's parsing of overrides depends on assertions with side effects.

    Raises:
        UserError: assertions are disabled.
    """
    if not __debug__:
        raise UserError(
            "python -O (or PYTHONOPTIMIZE) leaves out assertions, without which Hydra misreads "
            "overrides; start python without it."
        )
