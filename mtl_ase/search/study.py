"""The study of a search: all trials with their values and results, in one file."""

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
    """The trials of a search; whatever is written is written in one step.

    Args:
        storage: that holds them.
        wanted: what is searched.
        direction: in which the metric is better.
    """

    def __init__(self, storage: RDBStorage, wanted: CommandLine, direction: Direction) -> None:
        self.storage, self.wanted, self.direction = storage, wanted, direction
        self.study = optuna.create_study(
            storage=storage, study_name=NAME, direction=direction, load_if_exists=True
        )
        self._check_same(wanted.settings() | {"direction": direction})

    def trials(self) -> list[Trial]:
        """All, in the order of their numbers."""
        return [_trial(frozen) for frozen in self._frozen()]

    def finished(self) -> list[Trial]:
        """Those with a result or a failure."""
        return [trial for trial in self.trials() if trial.finished]

    def ranked(self) -> list[Trial]:
        """Those with a result, best first."""
        sign = -1 if self.direction == "maximize" else 1
        known = [(sign * t.result, t.number, t) for t in self.trials() if t.result is not None]
        return [trial for *_, trial in sorted(known)]

    def interrupted(self) -> Trial | None:
        """The one that was begun and not finished."""
        return next((trial for trial in self.trials() if not trial.finished), None)

    def ask(self) -> Trial:
        """Begin a trial."""
        frozen = self._frozen()
        known = [trial for trial in frozen if trial.state == TrialState.COMPLETE]
        space, number = self.wanted.space, len(frozen)
        values = propose(space, self.direction, self.wanted.seed, number, known)
        begun = create_trial(
            state=TrialState.RUNNING, params=values, distributions=distributions(space)
        )
        self.study.add_trial(begun)
        return self.trials()[number]

    def tell(self, trial: Trial, result: float) -> None:
        """Finish a trial with its result."""
        self.study.tell(trial.number, result)

    def fail(self, trial: Trial, failure: str) -> None:
        """Finish a trial without one."""
        study_id = self.storage.get_study_id_from_name(NAME)
        trial_id = self.storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
        self.storage.set_trial_user_attr(trial_id, FAILURE, failure)
        self.study.tell(trial.number, state=TrialState.FAIL)

    def _frozen(self) -> list[FrozenTrial]:
        return sorted(self.study.get_trials(), key=lambda trial: trial.number)

    def _check_same(self, now: Mapping[str, str]) -> None:
        """Keep what is searched, or compare it with what was kept.

        Raises:
            UserError: it is another search.
        """
        before = self.study.user_attrs.get(SETTINGS)
        if before is None:
            self.study.set_user_attr(SETTINGS, dict(now))
            return
        if found := differences(before, now):
            raise UserError(
                f"folder={self.wanted.folder} holds another search ({found}); give its arguments "
                "or another folder."
            )


@contextmanager
def open_study(wanted: CommandLine, direction: Direction) -> Iterator[Study]:
    """The study in a search's folder, made if there is none.

    Raises:
        UserError: it is of another search, or its file can't be read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = wanted.folder / "study.db"
    try:
        storage = RDBStorage(f"sqlite:///{path}")
    except DatabaseError as error:
        raise UserError(f"{path} is no study ({error.orig}); give another folder.") from error
    try:
        yield Study(storage, wanted, direction)
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
