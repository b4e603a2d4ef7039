"""A search for hyper-parameters: trials one after another, from where an earlier start stopped."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.commands.run_checks import check_settings
from mtl_ase.config import run_once
from mtl_ase.launch.child_training import STOPPED
from mtl_ase.search.command_line import CommandLine, Direction, read_command_line
from mtl_ase.search.metric import check_trial
from mtl_ase.search.space import sample_overrides
from mtl_ase.search.summary import print_summary, write_trials
from mtl_ase.search.trainings import Trainings
from mtl_ase.search.trial import LOG, Trial, last_words, read_result

if TYPE_CHECKING:
    from mtl_ase.search.study import Study

Run = Callable[[Path, Sequence[str]], int]
"""Trains in a run folder with these overrides; gives the exit code."""
SOMEWHERE = "hydra.runtime.output_dir=somewhere"
"""Stands for the run folder where a config is only looked at."""


def search(arguments: Sequence[str]) -> int:
    """Search, print and write what was found.

    Args:
        arguments: the command line; see `mtl_ase.search.command_line.USAGE`.

    Returns:
        The exit code: 0, 1 if a trial failed, 143 or 130 if a signal stopped the search.

    Raises:
        UserError: wrong use.
    """
    wanted = read_command_line(arguments)
    if importlib.util.find_spec("optuna") is None:
        raise UserError("optuna is missing, which proposes the trials; pip install 'optuna>=5'.")
    from mtl_ase.search.study import open_study

    direction = check(wanted)
    with folder_lock(wanted.folder, "folder") as lock, open_study(wanted, direction) as study:
        with Trainings(lock) as run:
            code = run_trials(study, run)
        trials = study.trials()
        write_trials(wanted, trials)
        print_summary(wanted, study.ranked(), trials)
    return code or int(any(trial.failure is not None for trial in trials))


def check(wanted: CommandLine) -> Direction:
    """Compose and check trials that together have all choices; gives the direction."""
    directions = [
        run_once(lambda config: _checked(config, wanted), [*wanted.fixed, *overrides, SOMEWHERE])
        for overrides in sample_overrides(wanted.space)
    ]
    return wanted.direction or directions[0]


def run_trials(study: Study, run: Run) -> int:
    """Finish the trial that was interrupted, then go on until as many as wanted are finished.

    Returns:
        0, or the exit code of a training that a signal ended; its trial stays unfinished.

    Raises:
        UserError: the run folder of a new trial is there already.
    """
    wanted = study.wanted
    while True:
        trial = study.interrupted()
        if trial is None:
            if len(study.finished()) >= wanted.trials:
                return 0
            trial = _begin(study)
        print(f"trial {trial.number}: {' '.join(trial.overrides)}", flush=True)
        folder = wanted.folder / trial.name
        code = 0 if (folder / "DONE").is_file() else run(folder, [*wanted.fixed, *trial.overrides])
        if code in STOPPED:
            print(f"stopped; the same command goes on with trial {trial.number}")
            return code
        _finish(study, trial, folder, code)


def _checked(config: DictConfig, wanted: CommandLine) -> Direction:
    check_settings(config)
    return check_trial(config, wanted.metric)


def _begin(study: Study) -> Trial:
    """A new trial, whose run folder must not be there yet."""
    folder = study.wanted.folder
    number = len(study.trials())
    path = folder / Trial(number, {}).name
    if path.exists():
        raise UserError(
            f"{path} is there, but {folder / 'study.db'} knows no trial {number}; "
            "move it away, or give another folder."
        )
    return study.ask()


def _finish(study: Study, trial: Trial, folder: Path, code: int) -> None:
    metric = study.wanted.metric
    if code != 0:
        failure = f"exit code {code}: {last_words(folder / LOG)}"
    else:
        result = read_result(folder, metric)
        if result is not None:
            study.tell(trial, result)
            print(f"trial {trial.number}: {metric} {result:.5g}", flush=True)
            return
        failure = f"{metric} is null"
    study.fail(trial, failure)
    print(f"trial {trial.number} failed: {failure}", flush=True)
