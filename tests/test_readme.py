"""The README's links and numbers, and numbers of other pages; its commands: test_fences.py."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import Compose

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CLUSTERS = (ROOT / "docs" / "clusters.md").read_text().replace("\\\n", "")


@pytest.mark.parametrize(
    "overrides", re.findall(r"^(?!#).*train\.py (.*)$", CLUSTERS, flags=re.MULTILINE)
)
def test_commands_for_clusters_compose(overrides: str, composed: Compose) -> None:
    config = composed(*shlex.split(overrides.split("  #")[0]))
    assert config.trainer.strategy == "ddp"
    assert config.resume == "auto"


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_local_links_lead_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()


def stored(name: str) -> dict:
    return json.loads((ROOT / "docs" / "results" / "bench" / name).read_text())


def test_stated_times_are_those_that_were_stored() -> None:
    loader = stored("data.json")["ms_per_sample"]
    words = f"{loader['packed']:.1f} ms on one core instead of the {loader['usual']:.1f} ms"
    assert words in (ROOT / "docs" / "data.md").read_text()
    edges = stored("odsf.json")
    page = (ROOT / "docs" / "evaluation.md").read_text()
    times, odds = edges["ms_per_image_and_threshold"], edges["ods_at_shared_thresholds"]
    deficit = edges["fewer_matches_than_ours"]["public"]
    for words in (
        f"{edges['ms_ours_all_101_thresholds']:.2f} ms an image",
        f"(public solver {times['public']:.0f} ms, scipy's exact assignment",
        f"assignment {times['assignment']:.0f} ms",
        f"it was {deficit['mean']:.2f} pixels lower on average, {deficit['most']} at most",
        f"ODS {odds['public']:.4f}",
        f"against {odds['ours']:.4f}",
        f"about {edges['minutes_of_2498_images_on_2_cores']:.0f} minutes",
    ):
        assert words in page
    assert deficit["least"] == 0


def test_stated_tortures_are_those_that_were_stored() -> None:
    page = (ROOT / "docs" / "resume.md").read_text()
    folder = ROOT / "docs" / "results" / "torture"
    for name in ("kills.json", "tmpdir.json"):
        found = json.loads((folder / name).read_text())
        seconds, codes = (
            found[key] for key in ("seconds_from_sigterm_to_exit", "exit_codes_of_sigterm")
        )
        kills, writing = found["kills"], found["while_a_checkpoint_was_written"]
        assert f"{kills} kills, {writing} of them while a checkpoint was written" in page
        assert f"three SIGTERMs (saved, 143, {min(seconds):.2f} to {max(seconds):.2f} s)" in page
        assert codes == [143] * 3
        assert found["same_weights"]
        assert found["same_logs"]
        assert not any(
            found[key] for key in ("steps_logged_twice_or_never", "torn_checkpoints", "litter")
        )
    soak = json.loads((folder / "soak.json").read_text())
    halves = [*soak["open_files"], *soak["most_open_files"]]
    usual, usual_late, early, late = map(round, halves)
    assert f"{soak['megabytes_per_100_steps']:.2f} MB per 100 steps" in page
    assert f"usually {usual} files open in the first half, {usual_late} in the second" in page
    assert f"at most {early} and {late}" in page


def test_the_demo_table_is_what_was_stored() -> None:
    rows = re.findall(r"^\| `([\w/]+)` \| (\S+) \| (\S+) \|$", README, flags=re.MULTILINE)
    assert len(rows) == 8
    folder = ROOT / "docs" / "results" / "demo"
    for column, name in ((1, "metrics.json"), (2, "metrics_trivial.json")):
        values = json.loads((folder / name).read_text())
        assert {row[0]: row[column] for row in rows} == {
            key: f"{value:.2f}" for key, value in values.items() if value is not None
        }


def test_what_is_said_of_windows_was_measured() -> None:
    page, windows = (ROOT / "docs" / "predict.md").read_text(), stored("windows.json")
    half, none = windows["overlap half"], windows["overlap none"]
    assert f"change {half['jumps']:.2f} times as much" in page
    assert f"without overlap it is {none['jumps']:.2f} times" in page
    classes = (half["over one pass"]["semseg"], none["over one pass"]["semseg"])
    words = f"{100 * classes[0]:.1f} % differ from those of windows ({100 * classes[1]:.1f} %"
    assert words in page
    assert f"{windows['large picture']['windows']} windows, takes less than 2 GB" in page
    assert windows["large picture"]["peak_mib_of_the_process"] < 2e9 / 2**20
