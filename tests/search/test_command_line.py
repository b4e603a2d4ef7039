"""The command line of a search."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.search.command_line import read_command_line
from mtl_ase.search.space import Choice, Range

GOOD = ("folder=runs/search", "trials=20", "metric=delta_m", "data.batch_size=int(2,8)")


def test_ranges_choices_and_overrides_are_told_apart() -> None:
    shared = ("experiment=demo", "~callbacks.progress", "++seed=3")
    parsed = read_command_line([*GOOD, "model.adapter.rank=choice(1,2)", *shared])
    assert (parsed.folder, parsed.trials, parsed.metric) == (Path("runs/search"), 20, "delta_m")
    assert (parsed.direction, parsed.seed) == (None, 0)
    assert parsed.space == {
        "data.batch_size": Range("int", 2, 8),
        "model.adapter.rank": Choice(("1", "2")),
    }
    assert parsed.shared_overrides == shared


def test_settings_leave_out_folder_and_number_of_trials() -> None:
    first = read_command_line([*GOOD, "experiment=demo"])
    later = read_command_line(["folder=elsewhere", "trials=30", *GOOD[2:], "experiment=demo"])
    other = read_command_line([*GOOD, "experiment=ase"])
    assert first.settings() == later.settings()
    assert first.settings() != other.settings()


@pytest.mark.parametrize(
    ("arguments", "message"),
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
        ((GOOD[0], "trials=many", *GOOD[2:]), "trials=many is no whole number; give 1"),
        ((GOOD[0], "trials=0", *GOOD[2:]), "trials=0 is no whole number; give 1"),
        ((GOOD[0], "trials=-1", *GOOD[2:]), "trials=-1 is no whole number; give 1"),
        ((*GOOD, "seed=0.5"), "seed=0.5 is no whole number; give 0"),
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
def test_wrong_use_is_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_command_line(arguments)
