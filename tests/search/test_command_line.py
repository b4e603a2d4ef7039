"""The command line of a search."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.search.command_line import read_command_line
from mtl_ase.search.space import Choice, Range

GOOD = ("folder=runs/search", "trials=20", "metric=delta_m", "data.batch_size=int(2,8)")


def test_it_is_taken_apart() -> None:
    fixed = ("experiment=demo", "~callbacks.progress", "++seed=3")
    wanted = read_command_line([*GOOD, "model.adapter.rank=choice(1,2)", *fixed])
    assert (wanted.folder, wanted.trials, wanted.metric) == (Path("runs/search"), 20, "delta_m")
    assert (wanted.direction, wanted.seed) == (None, 0)
    assert wanted.space == {
        "data.batch_size": Range("int", 2, 8),
        "model.adapter.rank": Choice(("1", "2")),
    }
    assert wanted.fixed == fixed


def test_its_settings_leave_out_what_may_change() -> None:
    first = read_command_line([*GOOD, "experiment=demo"])
    later = read_command_line(["folder=elsewhere", "trials=30", *GOOD[2:], "experiment=demo"])
    other = read_command_line([*GOOD, "experiment=ase"])
    assert first.settings() == later.settings()
    assert first.settings() != other.settings()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "^usage: "),
        (("--help",), "^usage: "),
        ((*GOOD, "-m"), "^usage: "),
        (GOOD[1:], "folder= is missing"),
        ((GOOD[0], *GOOD[2:]), "trials= is missing"),
        ((*GOOD[:2], GOOD[3]), "metric= is missing"),
        ((*GOOD[:2], "metric=", GOOD[3]), "metric= is missing"),
        (GOOD[:3], "nothing to search"),
        ((*GOOD[:3], "experiment=demo"), "nothing to search"),
        ((GOOD[0], "trials=many", *GOOD[2:]), "trials=many is no whole number from 1"),
        ((GOOD[0], "trials=0", *GOOD[2:]), "trials=0 is no whole number from 1"),
        ((GOOD[0], "trials=-1", *GOOD[2:]), "trials=-1 is no whole number from 1"),
        ((*GOOD, "seed=0.5"), "seed=0.5 is no whole number from 0"),
        ((*GOOD, "direction=up"), "choose maximize or minimize"),
        ((*GOOD, "trials=3"), "trials is given twice"),
        ((*GOOD, "data.batch_size=choice(1,2)"), "data.batch_size is given twice"),
        ((*GOOD, "data.batch_size=4"), "data.batch_size is given twice"),
        (("data.batch_size=4", *GOOD), "data.batch_size is given twice"),
        ((*GOOD, "run_dir=runs/mine"), "run_dir is set for every trial"),
        ((*GOOD, "+resume=auto"), "resume is set for every trial"),
        ((*GOOD, "optimizer=adamw,sgd"), r"optimizer=choice\(A,B,...\)"),
        ((*GOOD, "model.adapter.rank=range(1,3)"), r"model.adapter.rank=choice\(A,B,...\)"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_command_line(arguments)
