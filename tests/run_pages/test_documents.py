"""The HTML of the pages: what is in it, what is escaped, what a screen reader needs."""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.run_pages import RunContent, SampleSet, write_run_page, write_runs_page
from tests.run_pages.conftest import MakeRun, read
from tests.run_pages.markup import elements

HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'&"


@pytest.fixture(scope="module")
def page(
    evaluated_run: RunContent, samples: SampleSet, tmp_path_factory: pytest.TempPathFactory
) -> str:
    path = tmp_path_factory.mktemp("pages") / "new" / "report.html"
    write_run_page(path, evaluated_run, samples)
    return path.read_text()


@pytest.fixture(scope="module")
def several(make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> str:
    runs = [make_run(f"several_{seed}", seed=seed, evaluated=True) for seed in (0, 1)]
    runs.append(make_run("several_rank", "model.adapter.rank=2", seed=0))
    runs[0].files.page.write_text("its page")
    path = tmp_path_factory.mktemp("pages") / "runs.html"
    write_runs_page(path, "a sweep", runs, {"job_3": "ValueError: <no>"})
    return path.read_text()


def test_a_page_loads_nothing(page: str, several: str) -> None:
    for text in (page, several):
        for name in ("img", "script", "link", "iframe", "use", "image", "source", "object"):
            for element in elements(text, name):
                for key in ("src", "href", "srcset", "data"):
                    assert (element.attributes.get(key) or "data:").startswith("data:")
        assert "@import" not in text
        assert "url(" not in text
        policy = elements(text, "meta")[1].attributes["content"]
        assert policy is not None
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "unsafe-inline" not in policy.split("style-src")[0]


def test_a_page_has_what_a_run_left(page: str, evaluated_run: RunContent) -> None:
    heads = [element.text for element in elements(page, "h2")]
    sections = ["Summary", "Samples", "Training curves", "Routers", "Gradients", "Evaluation"]
    assert heads == [*sections, "Config", "Versions"]
    assert "61.00" in page
    assert "12 min" in page
    rows = {element.text for element in elements(page, "code")}
    assert {"training.optimizer.lr", "0.125"} <= rows
    for links in elements(page, "a"):
        target = (links.attributes["href"] or "").removeprefix("#")
        assert f'id="{target}"' in page


def test_pages_can_be_read_aloud(page: str, several: str) -> None:
    for text in (page, several):
        assert elements(text, "html")[0].attributes["lang"] == "en"
        levels = [int(level) for level in re.findall(r"<h([1-6])", text)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert text.count("<table") == text.count("<caption") > 0
        for drawing in elements(text, "svg"):
            told = drawing.attributes.get("aria-label")
            assert told or drawing.attributes.get("aria-hidden") or "bar-cell" in text
        assert all(image.attributes.get("alt") for image in elements(text, "img"))
        ids = re.findall(r' id="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        for head in elements(text, "th"):
            assert head.attributes.get("scope") in ("row", "col")


def test_the_page_of_several_runs_compares_them(several: str) -> None:
    assert [element.text for element in elements(several, "h2")] == [
        "Summary",
        "All runs",
        "On the same images",
        "Training curves",
        "Config",
    ]
    links = [element for element in elements(several, "a") if element.text == "several_0"]
    assert (links[0].attributes["href"] or "").endswith("/several_0/report.html")
    assert "ValueError: &lt;no&gt;" in several
    assert "several_1 against several_0" in several
    assert "rank 2" in several
    codes = [element.text for element in elements(several, "code")]
    assert "model.adapter.rank" in codes


def test_a_single_run_of_a_sweep_is_a_table_too(make_run: MakeRun, tmp_path: Path) -> None:
    write_runs_page(tmp_path / "runs.html", "one", [make_run("only")], {})
    text = (tmp_path / "runs.html").read_text()
    assert not [head for head in elements(text, "th") if head.text.startswith("gain")]
    assert "One seed each" in text


def test_names_of_strangers_stay_text(
    make_run: MakeRun, samples: SampleSet, tmp_path: Path
) -> None:
    run = make_run("hostile", evaluated=True)
    run.config.experiment_name = HOSTILE
    run.config.data.name = HOSTILE
    run.config.data.hint = HOSTILE
    run.files.config.write_text(OmegaConf.to_yaml(run.config))
    environment = json.loads(run.files.environment.read_text())
    environment |= {"overrides": [f"x={HOSTILE}"], "packages": {HOSTILE: HOSTILE}}
    environment |= {"git_revision": HOSTILE, "platform": HOSTILE}
    run.files.environment.write_text(json.dumps(environment))
    images = run.files.evaluation / "images.csv"
    quoted = HOSTILE.replace('"', '""')
    images.write_text(images.read_text().replace("val_000000", f'"{quoted}"'))
    details = json.loads(run.files.details.read_text())
    details |= {"semseg/miou by class": {HOSTILE: 1.0}}
    run.files.details.write_text(json.dumps(details))
    log = run.files.router_log
    log.write_text(log.read_text().replace("human_parts", f'"{quoted}"'))
    log = run.files.log
    log.write_text(log.read_text().replace("train/edge/loss", f'"train/{quoted[18:]}/loss"'))
    again = read(run.files, evaluated=True)
    theirs = [dataclasses.replace(s, image_id=HOSTILE, why=HOSTILE) for s in samples.samples]
    write_run_page(tmp_path / "run.html", again, dataclasses.replace(samples, samples=theirs))
    write_runs_page(tmp_path / "runs.html", HOSTILE, [again], {HOSTILE: HOSTILE})
    for name in ("run.html", "runs.html"):
        text = (tmp_path / name).read_text()
        assert "hacked" in text, "it is shown"
        kinds = {script.attributes.get("type") for script in elements(text, "script")}
        assert kinds <= {None, "application/json"}
        plain = [s for s in elements(text, "script") if s.attributes.get("type") is None]
        assert len(plain) == 1
        assert "hacked" not in plain[0].text
        assert not [i for i in elements(text, "img") if "onerror" in i.attributes]


def test_a_run_that_has_not_finished_has_a_page(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("early")
    files = run.files
    for path in (files.log, files.router_log, files.gradient_log, files.metrics, files.done):
        path.unlink()
    files.environment.write_text(json.dumps({"overrides": ["experiment=ase", "setting=scenes"]}))
    write_run_page(tmp_path / "report.html", read(files), SampleSet(missing="the data are gone."))
    text = (tmp_path / "report.html").read_text()
    assert "not finished" in text
    assert "No samples: the data are gone." in text
    assert [element.text for element in elements(text, "h2")] == [
        "Summary",
        "Samples",
        "Evaluation",
        "Config",
        "Versions",
    ]


def test_a_link_in_the_place_of_the_page_is_not_followed(
    evaluated_run: RunContent, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "report.html").symlink_to(victim)
    write_run_page(tmp_path / "report.html", evaluated_run, SampleSet())
    assert victim.read_text() == "mine"
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(UserError, match=r"folder.html can't be written"):
        write_run_page(tmp_path / "folder.html", evaluated_run, SampleSet())
