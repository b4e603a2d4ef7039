"""Trials one after another: proposals, results, failures, and continuing after a kill."""

from __future__ import annotations

import csv
import json
import random
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.commands.search import run_trials
from mtl_ase.search.command_line import CommandLine
from mtl_ase.search.study import open_study
from mtl_ase.search.summary import command, print_summary, write_trials
from mtl_ase.search.trial import Trial, last_line, read_result
from tests.search.conftest import Train

Parse = Callable[..., CommandLine]


class Killed(Exception):
    """Stands in for kill -9."""


def search(command_line: CommandLine, train: Train) -> tuple[int, list[Trial]]:
    command_line.folder.mkdir(exist_ok=True)
    with open_study(command_line, "maximize") as study:
        code = run_trials(study, train)
        return code, study.trials()


def mean_result(trials: list[Trial]) -> float:
    return sum(trial.result or 0 for trial in trials) / len(trials)


def test_a_search_gets_better_than_chance(parse: Parse, train: Train) -> None:
    code, trials = search(parse(25), train)
    assert code == 0
    assert [trial.number for trial in trials] == list(range(25))
    by_chance, proposed = trials[:10], trials[10:]
    assert mean_result(proposed) > mean_result(by_chance)
    assert max(trial.result or -9 for trial in trials) > -0.05


def test_a_killed_search_ends_like_an_undisturbed_one(
    parse: Parse, train: Train, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = random.Random(0)
    undisturbed = parse(15)
    killed = CommandLine(
        **(vars(undisturbed) | {"folder": tmp_path_factory.mktemp("killed") / "s"})
    )
    begun: list[str] = []

    def killed_at_random(folder: Path, overrides: Sequence[str]) -> int:
        begun.append(folder.name)
        if rng.random() < 0.3:
            raise Killed
        code = train(folder, overrides)
        if rng.random() < 0.3:
            raise Killed
        return code

    kills = 0
    while True:
        try:
            code, trials = search(killed, killed_at_random)
            break
        except Killed:
            kills += 1
    assert kills > 3
    assert (code, trials) == search(undisturbed, train)
    assert begun == sorted(begun), "an interrupted trial comes first"
    assert len(set(begun)) == 15


def test_a_finished_training_is_not_run_again(parse: Parse, train: Train) -> None:
    def finishes_and_is_killed(folder: Path, overrides: Sequence[str]) -> int:
        train(folder, overrides)
        (folder / "DONE").touch()
        raise Killed

    def never(folder: Path, overrides: Sequence[str]) -> int:
        raise AssertionError

    with pytest.raises(Killed):
        search(parse(1), finishes_and_is_killed)
    code, (trial,) = search(parse(1), never)
    assert (code, trial.finished) == (0, True)


def test_more_trials_can_be_asked_for_later(parse: Parse, train: Train) -> None:
    _, first = search(parse(3), train)
    _, more = search(parse(5), train)
    _, fewer = search(parse(2), train)
    assert (len(first), len(more)) == (3, 5)
    assert more[:3] == first
    assert fewer == more


def test_the_seed_decides_what_is_tried(parse: Parse, train: Train, tmp_path: Path) -> None:
    _, first = search(parse(2), train)
    (tmp_path / "search").rename(tmp_path / "first")
    _, other = search(parse(2, "seed=1"), train)
    assert {trial.values["x"] for trial in first}.isdisjoint(t.values["x"] for t in other)


@pytest.mark.parametrize("code", [143, 130])
def test_a_signal_stops_the_search_and_the_trial_is_resumed(
    parse: Parse, train: Train, code: int
) -> None:
    stopped, trials = search(parse(3), lambda *_: code)
    assert stopped == code
    assert [trial.finished for trial in trials] == [False]
    again, done = search(parse(3), train)
    assert (again, len(done)) == (0, 3)
    assert done[0].values == trials[0].values


def test_failed_trials_count_and_have_a_reason(
    parse: Parse, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(folder: Path, overrides: Sequence[str]) -> int:
        train(folder, overrides)
        (folder / "output.log").write_text("Traceback\nRuntimeError: no room\n\n")
        if folder.name == "trial_0001":
            return 1
        if folder.name == "trial_0002":
            (folder / "metrics.json").write_text('{"a/score": null}')
        return 0

    command_line = parse(4, "experiment=demo")
    _, trials = search(command_line, fails)
    assert [trial.finished for trial in trials] == [True] * 4
    assert trials[1].failure == "exit code 1: RuntimeError: no room"
    assert trials[2].failure == "a/score is null"
    with open_study(command_line, "maximize") as study:
        best = study.ranked()
    assert {trial.number for trial in best} == {0, 3}
    capsys.readouterr()
    print_summary(command_line, best, trials)
    printed = capsys.readouterr().out
    assert command(command_line, best[0]) in printed
    log = command_line.folder / "trial_0001" / "output.log"
    assert f"trial 1 failed: exit code 1: RuntimeError: no room ({log})" in printed
    write_trials(command_line, trials)
    with (command_line.folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["failure"] for row in rows] == ["", *(t.failure for t in trials[1:3]), ""]
    assert float(rows[0]["a/score"]) == trials[0].result
    assert rows[3]["x"] == trials[3].values["x"]


def test_trials_are_ranked_by_the_direction(parse: Parse, train: Train) -> None:
    command_line = parse(3)
    command_line.folder.mkdir()
    with open_study(command_line, "minimize") as study:
        run_trials(study, train)
        results = [trial.result for trial in study.ranked()]
    assert results == sorted(results)


def test_another_search_is_refused(parse: Parse, train: Train) -> None:
    search(parse(1, "experiment=demo"), train)
    printed = r"holds another search \(experiment: demo -> ase; more: none -> 1\)"
    with pytest.raises(UserError, match=printed):
        search(parse(1, "experiment=ase", "more=1"), train)
    with pytest.raises(UserError, match="seed: 0 -> 1"):
        search(parse(1, "experiment=demo", "seed=1"), train)


def test_runs_of_a_lost_study_are_not_resumed(parse: Parse, train: Train) -> None:
    command_line = parse(1)
    search(command_line, train)
    (command_line.folder / "study.db").unlink()
    with pytest.raises(UserError, match="has no trial 0; move it away"):
        search(command_line, train)


def test_a_file_that_is_no_study_is_named(parse: Parse, train: Train) -> None:
    command_line = parse(1)
    command_line.folder.mkdir()
    (command_line.folder / "study.db").write_text("no database, but long enough to be read" * 9)
    with pytest.raises(UserError, match=r"study\.db is no study"):
        search(command_line, train)


def test_a_kill_before_the_study_has_its_settings_does_no_harm(parse: Parse, train: Train) -> None:
    command_line = parse(1)
    command_line.folder.mkdir()
    with open_study(command_line, "maximize"):
        pass
    database = sqlite3.connect(command_line.folder / "study.db")
    with database:
        database.execute("DELETE FROM study_user_attributes")
    database.close()
    assert search(command_line, train)[0] == 0


def test_the_validation_loss_is_the_last_one_logged(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,train/loss,val/loss\n0,1,\n1,,5.5\n2,1,\n3,,4.5\n")
    assert read_result(tmp_path, "val/loss") == 4.5
    (tmp_path / "metrics.csv").write_text("step,train/loss\n0,1\n")
    assert read_result(tmp_path, "val/loss") is None


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_null_and_infinite_values_are_no_result(tmp_path: Path, value: float | None) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"edge/odsf": value}))
    assert read_result(tmp_path, "edge/odsf") is None


def test_last_line(tmp_path: Path) -> None:
    log = tmp_path / "output.log"
    assert last_line(log) == "no output"
    log.write_bytes(b"one\ntwo \xff\n  \n")
    assert last_line(log) == "two \ufffd"
