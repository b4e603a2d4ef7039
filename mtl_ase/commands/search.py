"""The search command: runs trials one after another and continues an interrupted search."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.base.run_files import RunFiles
from mtl_ase.commands.run_checks import check_settings
from mtl_ase.config import run_once
from mtl_ase.launch.child_training import STOP_EXIT_CODES
from mtl_ase.launch.trainings import Trainings
from mtl_ase.search.command_line import CommandLine, Direction, read_command_line
from mtl_ase.search.metric import check_trial
from mtl_ase.search.space import sample_overrides
from mtl_ase.search.summary import print_summary, write_trials
from mtl_ase.search.trial import Trial, last_line, read_result

if TYPE_CHECKING:
    from mtl_ase.search.study import Study

Run = Callable[[Path, Sequence[str]], int]
"""Trains in a run folder with overrides; returns the exit code."""
NO_OUTPUT_DIR = "hydra.runtime.output_dir=somewhere"
"""A value for the run folder, which a config needs even where it is only checked."""


def search(arguments: Sequence[str]) -> int:
    """Run a search, write `trials.csv` and print the best trials.

    Args:
        arguments: the command line; see `mtl_ase.search.command_line.USAGE`.

    Returns:
        The exit code: 0, or 1 if a trial failed, or 143 or 130 if a signal stopped the search.

    Raises:
        UserError: the command line is wrong, or the folder belongs to another search.
    """
    command_line = read_command_line(arguments)
    if importlib.util.find_spec("optuna") is None:
        raise UserError("optuna is missing (it proposes the trials); pip install 'optuna>=5'.")
    from mtl_ase.search.study import open_study

    direction = check(command_line)
    with (
        folder_lock(command_line.folder, "folder") as lock,
        open_study(command_line, direction) as study,
    ):
        with Trainings(lock) as run:
            code = run_trials(study, run)
        trials = study.trials()
        write_trials(command_line, trials)
        print_summary(command_line, study.ranked(), trials)
    return code or int(any(trial.failure is not None for trial in trials))


def check(command_line: CommandLine) -> Direction:
    """Check a config with every option of the search space; returns the direction."""
    directions = [
        run_once(
            lambda config: _checked(config, command_line),
            [*command_line.shared_overrides, *overrides, NO_OUTPUT_DIR],
        )
        for overrides in sample_overrides(command_line.space)
    ]
    return command_line.direction or directions[0]


def run_trials(study: Study, run: Run) -> int:
    """Resume the interrupted trial, if any, then run new ones until enough are finished.

    Args:
        study: the study of the search.
        run: trains in a run folder; returns the exit code.

    Returns:
        0, or the exit code of a training that a signal stopped; its trial stays unfinished.

    Raises:
        UserError: the run folder of a new trial exists already.
    """
    command_line = study.command_line
    while True:
        trial = study.interrupted()
        if trial is None:
            if len(study.finished()) >= command_line.trials:
                return 0
            trial = _begin(study)
        print(f"trial {trial.number}: {' '.join(trial.overrides)}", flush=True)
        folder = command_line.folder / trial.name
        code = (
            0
            if RunFiles(folder).done.is_file()
            else run(folder, [*command_line.shared_overrides, *trial.overrides])
        )
        if code in STOP_EXIT_CODES:
            print(f"stopped; the same command continues with trial {trial.number}")
            return code
        _finish(study, trial, folder, code)


def _checked(config: DictConfig, command_line: CommandLine) -> Direction:
    check_settings(config)
    return check_trial(config, command_line.metric)


def _begin(study: Study) -> Trial:
    """Start a new trial, whose run folder must not exist yet."""
    folder = study.command_line.folder
    number = len(study.trials())
    path = folder / Trial(number, {}).name
    if path.exists():
        raise UserError(
            f"{path} exists, but {folder / 'study.db'} has no trial {number}; "
            "move it away, or give another folder."
        )
    return study.ask()


def _finish(study: Study, trial: Trial, folder: Path, code: int) -> None:
    metric = study.command_line.metric
    if code != 0:
        failure = f"exit code {code}: {last_line(RunFiles(folder).output_log)}"
    else:
        result = read_result(folder, metric)
        if result is not None:
            study.tell(trial, result)
            print(f"trial {trial.number}: {metric} {result:.5g}", flush=True)
            return
        failure = f"{metric} is null"
    study.fail(trial, failure)
    print(f"trial {trial.number} failed: {failure}", flush=True)
