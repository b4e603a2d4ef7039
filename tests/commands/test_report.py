"""Pages from the command line, and at the end of a training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_data, build_module, build_network, build_tasks
from mtl_ase.commands.report_arguments import Arguments, runs_in
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.train import _write_page
from tests.conftest import Compose, Run
from tests.run_pages.markup import elements


def test_a_training_leaves_its_page(finished_run: Path) -> None:
    text = (finished_run / "report.html").read_text()
    heads = [element.text for element in elements(text, "h2")]
    assert heads[:4] == ["Summary", "Samples", "Training curves", "Routers"]
    assert "Compared with <code>experiment=ase_finegrained setting=scenes</code>" in text
    shown = [element.text for element in elements(text, "code")]
    assert "trainer.max_steps" in shown
    environment = json.loads((finished_run / "environment.json").read_text())
    assert "experiment=ase_finegrained" in environment["overrides"]
    assert environment["starts"][0] <= environment["ended"]
    assert len(elements(text, "option")) == 4, "as many samples as are on the sheets"


def test_the_page_of_a_run_is_written_again(finished_run: Path, here: Run, tmp_path: Path) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    (run / "report.html").unlink()
    done = here("scripts/report.py", f"run={run}", "samples=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"report: {run / 'report.html'}\n")
    again, first = (folder / "report.html" for folder in (run, finished_run))
    assert len(elements(again.read_text(), "option")) == 2
    scores = [[cell.text for cell in elements(p.read_text(), "td")][:30] for p in (again, first)]
    assert scores[0] == scores[1]
    pictures = [elements(path.read_text(), "img")[1].attributes["src"] for path in (again, first)]
    assert pictures[0] == pictures[1], "the last checkpoint predicts what the trained network did"


def test_without_the_checkpoint_there_are_no_samples(
    finished_run: Path, here: Run, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    shutil.rmtree(run / "checkpoints")
    done = here("scripts/report.py", f"run={run}", f"output={tmp_path / 'page.html'}")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "page.html").read_text()
    assert "No samples: " in text
    assert "last.ckpt is missing" in text


def test_a_sweep_and_named_runs_have_a_page(finished_run: Path, here: Run, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    for name in ("a", "b"):
        shutil.copytree(finished_run, sweep / name)
    (sweep / "c").mkdir()
    (sweep / "c" / "FAILED").write_text("exit code 2\nerror: no such thing\n")
    done = here("scripts/report.py", f"run={sweep}")
    assert done.returncode == 0, done.stderr
    text = (sweep / "report.html").read_text()
    assert elements(text, "h1")[0].text == "sweep"
    assert {"a", "b"} <= {link.text for link in elements(text, "a")}
    assert "no such thing (exit code 2)" in text
    done = here("scripts/report.py", f"run={sweep / 'a'},{sweep / 'b'}")
    assert done.stdout.endswith(f"report: {sweep / 'a' / 'comparison.html'}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "usage: python scripts/report.py run="),
        (["runs=x"], "runs is no key; usage"),
        (["run=/nothing"], r"run=/nothing is no run folder \(no config.yaml\)"),
        (["run=RUN", "samples=many"], "samples=many is no number"),
        (["run=RUN", "output=/tmp"], "output=/tmp is a folder"),
        (["run=RUN,/nothing"], "run=/nothing is no run folder"),
    ],
)
def test_wrong_use_is_told(finished_run: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Arguments.parse([text.replace("RUN", str(finished_run)) for text in arguments])


def test_runs_are_found_in_sweeps_and_suites(tmp_path: Path) -> None:
    for place in ("suite/runs/b", "suite/runs/a", "sweep/rank_16", "sweep/rank_4"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "config.yaml").touch()
    assert [path.name for path in runs_in(tmp_path / "suite")] == ["a", "b"]
    assert [path.name for path in runs_in(tmp_path / "sweep")] == ["rank_4", "rank_16"]
    assert runs_in(tmp_path / "sweep" / "rank_4") == [tmp_path / "sweep" / "rank_4"]


def test_an_error_in_the_page_does_not_lose_the_run(
    finished_run: Path, tiny: list[str], composed: Compose, tmp_path: Path
) -> None:
    run = RunFolder(Path(shutil.copytree(finished_run, tmp_path / "run")))
    config = composed(*tiny, "experiment=ase_finegrained")
    tasks = build_tasks(config)
    module = build_module(config, tasks, build_network(config, tasks))
    data = build_data(config, tasks)
    (run.path / "router.csv").write_text("step,layer,site,task,expert,gate,share\n1,0,a,b,0,x,1\n")
    with pytest.warns(UserWarning, match=r"no report.html .*gate=x is no number.*scripts/report"):
        _write_page(run, module, data, 1)
    run.config.unlink()
    with pytest.warns(UserWarning, match=r"no report.html could be written .*the run is complete"):
        _write_page(run, module, data, 1)
