"""A run that is stopped and resumed ends bit for bit like one that is not."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from omegaconf import DictConfig

from tests.conftest import Compose
from tests.resume.runs import BATCHES, QUIET, Setting, Stop, run, same_end, small_config

pytestmark = QUIET

START, END, VALIDATED = "on_train_batch_start", "on_train_batch_end", "on_validation_end"


def cases(settings: list[Setting], stops: list[tuple[Stop, ...]]) -> list[tuple[Setting, tuple]]:
    """Every setting with every stop, or stops one after the other."""
    return list(itertools.product(settings, stops))


def kills(hook: str, *counts: int, late: bool = False) -> list[tuple[Stop, ...]]:
    """One kill each."""
    return [(Stop(hook, count, late=late),) for count in counts]


def signals(hook: str, *counts: int) -> list[tuple[Stop, ...]]:
    """One SIGTERM each."""
    return [(Stop(hook, count, by="term"),) for count in counts]


RAGGED = Setting(accumulate=4, max_steps=5, epochs=9, every=2, ema=True)
"""Four batches a step in epochs of six, to a step in the middle of the third epoch."""
LIMITED = Setting(accumulate=4, limit=5, interval=2, epochs=3)
"""Epochs of five batches, and validations inside the sums of gradients."""
FRACTIONS = Setting(limit=0.9, interval=0.5, workers=2)
"""The same numbers as shares of an epoch, and loader processes."""
END_TO_END = Setting(ema=True, accumulate=3)
"""A validation after the very last step."""

QUICK = [
    (RAGGED, (Stop(START, 8),)),  # at the start of an epoch, with max_steps
    (RAGGED, (Stop(END, 1, by="term"), Stop(START, 6))),
    (RAGGED, (Stop("on_fit_end", 1),)),
    (LIMITED, (Stop(START, 6),)),  # where a validation has just been
    (LIMITED, (Stop(END, 7, by="term"), Stop(VALIDATED, 2))),
    (FRACTIONS, (Stop(START, 4),)),
    (END_TO_END, (Stop("on_train_epoch_end", 2, by="term"),)),
    (END_TO_END, (Stop(VALIDATED, 2, late=True),)),
]
EVERYWHERE = [
    *kills(START, 1, 2, 5, BATCHES, BATCHES + 1, BATCHES + 2),
    *kills(END, 1, 4, BATCHES, 9, late=True),
    *kills("on_train_epoch_end", 1, 2),
    *kills("on_train_epoch_end", 1, 2, late=True),
    *kills("on_train_end", 1),
    *kills("on_fit_end", 1, late=True),
    *signals(END, 1, 3, 5, BATCHES, 9),
    *signals("on_train_epoch_end", 1, 2),
    (Stop(START, 3), Stop(END, 4, by="term")),
    (Stop(END, 1, by="term"), Stop(END, 1, by="term"), Stop(START, 5)),
]
WITH_VALIDATIONS = [
    *kills("on_validation_start", 1, 2),
    *kills("on_validation_batch_end", 1, 4),
    *kills(VALIDATED, 1, 2, late=True),
    *signals("on_validation_batch_start", 1, 3),
]
SLOW = [
    *cases(
        [
            RAGGED,
            Setting(accumulate=4, epochs=3),
            Setting(accumulate=4, max_steps=3, epochs=9, log_every=2, save_every=2),
            Setting(epochs=3, every=2, workers=2, ema=True),
            Setting(accumulate=3, max_steps=4, epochs=9, workers=2),
        ],
        EVERYWHERE,
    ),
    *cases(
        [
            LIMITED,
            FRACTIONS,
            END_TO_END,
            Setting(accumulate=4, interval=5, every=None, epochs=3, ema=True),
            Setting(accumulate=2, interval=0.5, max_steps=5, epochs=9, save_every=100),
            Setting(interval=3, log_every=4, save_every=3, epochs=3, ema=True),
        ],
        [*EVERYWHERE, *WITH_VALIDATIONS],
    ),
]


@pytest.fixture(scope="module")
def config(composed: Compose, tiny: list[str]) -> DictConfig:
    """The run's config, composed once."""
    return small_config(composed, tiny)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[Setting, Path]:
    """Folders of runs that nothing happened to, by settings."""
    return {}


@pytest.mark.parametrize(
    ("setting", "stops"),
    [
        *QUICK,
        *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW if case not in QUICK),
    ],
    ids=lambda value: "+".join(map(str, value)) if isinstance(value, tuple) else str(value),
)
def test_a_resumed_run_ends_like_one_that_was_never_stopped(
    config: DictConfig,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    undisturbed: dict[Setting, Path],
    setting: Setting,
    stops: tuple[Stop, ...],
) -> None:
    """Weights, averages, optimiser, schedule, best and last checkpoint, both logs, the scores."""
    if setting not in undisturbed:
        folder = tmp_path_factory.mktemp("undisturbed")
        run(config, folder, setting)
        undisturbed[setting] = folder
    stopped = [run(config, tmp_path / "run", setting, stop) for stop in stops]
    assert stopped[0], "the first stop comes before the end"
    run(config, tmp_path / "run", setting)
    same_end(undisturbed[setting], tmp_path / "run")
