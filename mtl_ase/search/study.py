"""The Optuna study of a search: all trials with their values and results, in an SQLite file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import DatabaseError

from mtl_ase.base.differences import differences
from mtl_ase.base.errors import UserError
from mtl_ase.search.command_line import CommandLine, Direction
from mtl_ase.search.proposal import distributions, propose
from mtl_ase.search.trial import Trial

NAME = "search"
SETTINGS, FAILURE = "settings", "failure"


class Study:
    """The trials of a search; every change is one database transaction, safe against kills.

    Args:
        storage: the database of the study.
        command_line: the command line of the search.
        direction: "maximize" or "minimize".

    Raises:
        UserError: the database holds a search with another command line.
    """

    def __init__(
        self, storage: RDBStorage, command_line: CommandLine, direction: Direction
    ) -> None:
        self.storage, self.command_line, self.direction = storage, command_line, direction
        self.study = optuna.create_study(
            storage=storage, study_name=NAME, direction=direction, load_if_exists=True
        )
        self._check_settings(command_line.settings() | {"direction": direction})

    def trials(self) -> list[Trial]:
        """All trials, ordered by number."""
        return [_trial(frozen) for frozen in self._frozen()]

    def finished(self) -> list[Trial]:
        """The trials that have a result or failed."""
        return [trial for trial in self.trials() if trial.finished]

    def ranked(self) -> list[Trial]:
        """The trials that have a result, best first."""
        sign = -1 if self.direction == "maximize" else 1
        known = [(sign * t.result, t.number, t) for t in self.trials() if t.result is not None]
        return [trial for *_, trial in sorted(known)]

    def interrupted(self) -> Trial | None:
        """The trial that was started but neither finished nor failed; None if there is none."""
        return next((trial for trial in self.trials() if not trial.finished), None)

    def ask(self) -> Trial:
        """Propose values for a new trial and record it as running."""
        frozen = self._frozen()
        known = [trial for trial in frozen if trial.state == TrialState.COMPLETE]
        space, number = self.command_line.space, len(frozen)
        values = propose(space, self.direction, self.command_line.seed, number, known)
        running = create_trial(
            state=TrialState.RUNNING, params=values, distributions=distributions(space)
        )
        self.study.add_trial(running)
        return self.trials()[number]

    def tell(self, trial: Trial, result: float) -> None:
        """Record the result of a trial."""
        self.study.tell(trial.number, result)

    def fail(self, trial: Trial, failure: str) -> None:
        """Record that a trial failed, with the reason."""
        study_id = self.storage.get_study_id_from_name(NAME)
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
        self.storage.set_trial_user_attr(trial_id, FAILURE, failure)
        self.study.tell(trial.number, state=TrialState.FAIL)

    def _frozen(self) -> list[FrozenTrial]:
        return sorted(self.study.get_trials(), key=lambda trial: trial.number)

    def _check_settings(self, now: Mapping[str, str]) -> None:
        """Store the settings of a new search, or compare them with the stored ones."""
        before = self.study.user_attrs.get(SETTINGS)
        if before is None:
            self.study.set_user_attr(SETTINGS, dict(now))
            return
        if found := differences(before, now):
            raise UserError(
                f"folder={self.command_line.folder} holds another search ({found}); "
                "give its arguments or another folder."
            )


@contextmanager
def open_study(command_line: CommandLine, direction: Direction) -> Iterator[Study]:
    """Open `study.db` in the folder of a search; a new file is created if there is none.

    Raises:
        UserError: the file holds another search, or can't be read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = command_line.folder / "study.db"
    try:
        storage = RDBStorage(f"sqlite:///{path}")
    except DatabaseError as error:
        raise UserError(f"{path} is no study ({error.orig}); give another folder.") from error
    try:
        yield Study(storage, command_line, direction)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _trial(frozen: FrozenTrial) -> Trial:
    return Trial(
        number=frozen.number,
        values={
            key: value if isinstance(value, str) else repr(value)
            for key, value in sorted(frozen.params.items())
        },
        result=frozen.value,
        failure=frozen.user_attrs.get(FAILURE) if frozen.state == TrialState.FAIL else None,
        finished=frozen.state.is_finished(),
    )
