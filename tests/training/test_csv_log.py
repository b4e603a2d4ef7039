"""metrics.csv: a row a step, readable at any time, continued by a resumed run."""

from __future__ import annotations

import csv

import pytest

from mtl_ase.training import CSVLog


@pytest.fixture
def rows(tmp_path):
    """Reads the file as it lies."""

    def read():
        with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def log(tmp_path):
    """Makes a fresh logger of the same run."""
    return lambda: CSVLog(str(tmp_path / "run"))


def test_values_of_a_step_share_its_row(log, rows):
    logger = log()
    logger.log_metrics({"train/loss": 2.0}, step=1)
    logger.log_metrics({"lr": 0.1}, step=1)
    logger.log_metrics({"train/loss": 1.0}, step=2)
    logger.finalize("success")
    assert rows() == [
        {"step": "1", "train/loss": "2", "lr": "0.1"},
        {"step": "2", "train/loss": "1", "lr": ""},
    ]


def test_columns_may_come_late(log, rows):
    logger = log()
    for step in range(3):
        logger.log_metrics({"a": step}, step)
    logger.log_metrics({"val/b": 0.25}, step=2)
    logger.finalize("success")
    assert [row["val/b"] for row in rows()] == ["", "", "0.25"]
    assert [row["a"] for row in rows()] == ["0", "1", "2"]


def test_finished_steps_can_be_read_while_it_goes_on(log, rows, tmp_path):
    logger = log()
    for step in range(4):
        logger.log_metrics({"a": step}, step)
        assert [row["a"] for row in rows() if row.get("a")] == [str(i) for i in range(step)]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize("first", [0, 3, 6])
def test_a_resumed_run_replaces_what_it_repeats(log, rows, first):
    logger = log()
    for step in range(6):
        logger.log_metrics({"a": step}, step)
    logger.finalize("failed")
    resumed = log()
    for step in range(first, 8):
        resumed.log_metrics({"a": 10 + step, "b": 1}, step)
    resumed.finalize("success")
    found = rows()
    assert [int(row["step"]) for row in found] == list(range(8))
    assert [int(row["a"]) for row in found] == [*range(first), *range(10 + first, 18)]
    assert [row["b"] for row in found] == [""] * first + ["1"] * (8 - first)


def test_no_file_without_values(log, tmp_path):
    logger = log()
    logger.log_hyperparams({"a": 1})
    logger.finalize("success")
    assert not (tmp_path / "run").exists()


def test_a_cut_last_row_is_written_anew(log, rows, tmp_path):
    logger = log()
    for step in range(12):
        logger.log_metrics({"a": step}, step)
    logger.finalize("failed")
    path = tmp_path / "run" / "metrics.csv"
    path.write_bytes(path.read_bytes()[:-4])  # "11,11" has become "1"
    resumed = log()
    resumed.log_metrics({"a": 11}, 11)
    resumed.finalize("success")
    assert [row["step"] for row in rows()] == [str(step) for step in range(12)]


def test_a_saved_row_takes_more_values(log, rows):
    logger = log()
    for step in range(3):
        logger.log_metrics({"a": step, "b": 1.2345678}, step)
        logger.save()
        logger.log_metrics({"b": 2} if step else {"c": 5}, step)
    logger.finalize("success")
    assert [row["b"] for row in rows()] == ["1.2345678", "2", "2"]
    assert [row["c"] for row in rows()] == ["5", "", ""]


def test_finished_rows_are_only_appended_to(log, tmp_path):
    logger = log()
    logger.log_metrics({"a": 0}, 0)
    logger.save()
    path = tmp_path / "run" / "metrics.csv"
    before = path.stat().st_ino
    for step in range(1, 9):
        logger.log_metrics({"a": step}, step)
    logger.finalize("success")
    assert path.stat().st_ino == before


def test_a_resumed_run_cuts_what_it_may_not_log_again(log, rows, tmp_path):
    """Such as the last validation of a run that is given more steps and logs every tenth."""
    logger = log()
    for step in range(4):
        logger.log_metrics({"a": step}, step)
    logger.finalize("success")
    resumed = log()
    resumed.cut(3)
    assert [row["step"] for row in rows()] == ["0", "1", "2"]
    resumed.log_metrics({"a": 9}, 9)
    resumed.finalize("success")
    assert [row["step"] for row in rows()] == ["0", "1", "2", "9"]
    (tmp_path / "run" / "metrics.csv").unlink()
    log().cut(0)
    assert not (tmp_path / "run" / "metrics.csv").exists()
