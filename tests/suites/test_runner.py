"""What is trained and when: nothing twice, what others start from first, failures told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.run_files import RunFiles
from mtl_ase.launch.trainings import Environment, Trainings
from mtl_ase.suites.arguments import Arguments
from mtl_ase.suites.export import as_makefile, as_slurm
from mtl_ase.suites.reproduction import Reproduction
from mtl_ase.suites.runner import Runner, environments

ARGUMENTS = ["table1", "seeds=0", "tasks=[semseg,edge]"]


class Fake(Trainings):
    """Leaves what trainings leave; those whose folders begin with a word in `unlucky` fail."""

    def __init__(self, unlucky: Sequence[str] = (), stop_after: int | None = None) -> None:
        super().__init__(0)
        self.unlucky, self.stop_after = tuple(unlucky), stop_after
        self.started: list[str] = []
        self.overrides: dict[str, Sequence[str]] = {}

    def run_all(
        self,
        wanted: Iterable[tuple[Path, Sequence[str]]],
        environments: Sequence[Environment] = ({},),
    ) -> Iterator[Any]:
        """Train nothing."""
        for run, overrides in wanted:
            if self.received is not None:
                return
            self.started.append(run.name)
            self.overrides[run.name] = overrides
            run.mkdir(parents=True, exist_ok=True)
            files = RunFiles(run)
            files.output_log.write_text("error: out of luck\n")
            failed = run.name.startswith(self.unlucky) if self.unlucky else False
            if self.stop_after is not None and len(self.started) > self.stop_after:
                self.received, failed = 15, True
            if not failed:
                files.log.write_text("step,train/loss\n0,2\n7,1\n")
                write_json(files.metrics, {"semseg/miou": 12.5, "edge/odsf": 40.0})
                write_json(files.environment, {"git_revision": "abc"})
                files.done.touch()
            code = 143 if self.received else int(failed)
            yield SimpleNamespace(run=run, exit_code=code, seconds=3.21, megabytes=77)


@pytest.fixture
def suite(tmp_path: Path) -> Reproduction:
    """Two rows of the paper's table, of which one starts from single-task runs."""
    rows = "rows=mtl_vit,cross_stitch"
    return Reproduction(Arguments.parse([*ARGUMENTS, rows, f"output={tmp_path}"]))


def run(suite: Reproduction, train: Fake) -> Runner:
    runner = Runner(suite.runs, suite.results, train, [{}], say=lambda line: None)
    runner.run(suite.wanted())
    return runner


def test_what_others_start_from_comes_first(suite: Reproduction) -> None:
    train = Fake()
    assert run(suite, train).failures == {}
    kinds = [name.partition("-")[0] for name in train.started]
    assert sorted(kinds[:3]) == ["mtl_vit", "stl_resnet18", "stl_resnet18"]
    assert kinds[3:] == ["cross_stitch"]
    (stl,) = (o for o in train.overrides[train.started[3]] if "stl=" in o)
    assert all(name in stl for name in train.started[:3] if "stl_" in name)
    (made,) = suite.runs_of("mtl_vit", 0)
    result = suite.results.get(made)
    assert result is not None
    assert (result.steps, result.seconds, result.megabytes) == (8, 3.2, 77)
    assert result.scores["edge/odsf"] == 40.0
    assert result.trained == result.parameters > 0


def test_nothing_is_trained_twice(suite: Reproduction) -> None:
    run(suite, Fake())
    again = Fake()
    run(suite, again)
    assert again.started == []


def test_a_run_that_ended_before_its_result_was_written_is_not_trained_again(
    suite: Reproduction,
) -> None:
    run(suite, Fake())
    (made,) = suite.runs_of("mtl_vit", 0)
    (suite.results.folder / f"{made.name}.json").unlink()
    again = Fake()
    run(suite, again)
    assert again.started == []
    result = suite.results.get(made)
    assert result is not None
    assert result.seconds is None


def test_failures_leave_the_others_alone_and_are_tried_again(suite: Reproduction) -> None:
    unlucky = run(suite, Fake(unlucky=["stl_resnet18-edge"]))
    reasons = sorted(unlucky.failures.values())
    assert len(reasons) == 2
    assert reasons[0].startswith("it starts from stl_resnet18-edge")
    assert reasons[1] == "out of luck (exit code 1)"
    again = Fake()
    assert run(suite, again).failures == {}
    assert [name.partition("-seed")[0] for name in again.started] == [
        "stl_resnet18-edge",
        "cross_stitch",
    ]


def test_a_signal_ends_it_and_it_goes_on(suite: Reproduction) -> None:
    stopped = Fake(stop_after=1)
    with pytest.raises(SystemExit) as ended:
        run(suite, stopped)
    assert ended.value.code == 143
    assert len(stopped.started) == 2
    again = Fake()
    assert run(suite, again).failures == {}
    assert len(again.started) == 3
    assert stopped.started[0] not in again.started


def test_every_training_has_a_part_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("mtl_ase.suites.runner.usable_cores", lambda: 8)
    assert environments(None) == [{"OMP_NUM_THREADS": "2"}] * 4
    assert environments(1) == [{"OMP_NUM_THREADS": "8"}]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in environments(None)] == ["0", "1"]


def test_exports_hold_every_command(suite: Reproduction) -> None:
    wanted = suite.wanted()
    makefile, slurm = as_makefile(wanted, suite.runs), as_slurm(wanted, suite.runs, "table1")
    for made in wanted:
        folder = str(suite.runs / made.name)
        assert f"run_dir={folder}" in makefile
        assert f"run_dir={folder}" in slurm
    target = next(line for line in makefile.splitlines() if "/cross_stitch" in line.split(":")[0])
    assert target.count("stl_resnet18") == 2, "make trains first what others start from"
    assert "#SBATCH --array=0-2" in slurm
    assert "#SBATCH --array=0-0" in slurm
