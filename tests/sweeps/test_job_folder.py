"""Names of jobs' folders: one for the same overrides, and never a path."""

from __future__ import annotations

import re
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from mtl_ase.sweeps import job_folder

OVERRIDES = st.lists(
    st.builds("{}={}".format, st.text(min_size=1), st.text()), max_size=6, unique=True
)


def test_short_overrides_are_read_first() -> None:
    name = job_folder(["data.root=/data/PASCAL_MT", "model.adapter.rank=4", "seed=12"])
    assert re.fullmatch(r"rank_4-seed_12-root_-data-PASCAL_MT-[0-9a-f]{8}", name)
    assert re.fullmatch(r"job-[0-9a-f]{8}", job_folder([]))


@given(OVERRIDES, st.randoms(use_true_random=False))
def test_order_does_not_matter(overrides, random) -> None:
    shuffled = list(overrides)
    random.shuffle(shuffled)
    assert job_folder(shuffled) == job_folder(overrides)


@given(OVERRIDES)
def test_it_is_one_name(overrides) -> None:
    name = job_folder(overrides)
    assert re.fullmatch(r"[A-Za-z0-9_+.-]+-[0-9a-f]{8}", name)
    assert len(name) <= 69
    assert Path(name).name == name
    assert name[0] not in "-."


@given(OVERRIDES)
def test_it_needs_no_quotes_on_the_command_line(overrides) -> None:
    name = job_folder(overrides)
    parsed = OverridesParser.create().parse_override(f"run={name}")
    assert parsed.value() == name


@given(OVERRIDES, OVERRIDES)
def test_other_overrides_have_another_name(some, others) -> None:
    own = [
        {item for item in overrides if not re.match(r"[+~]*(run_dir|resume)=", item)}
        for overrides in (some, others)
    ]
    assert (job_folder(some) == job_folder(others)) == (own[0] == own[1])


def test_values_of_paths_do_not_lead_out() -> None:
    for value in ("../../x", "/etc", "..", "a/../../..", "\\..\\"):
        assert "/" not in job_folder([f"a={value}"])


def test_where_a_sweep_lies_and_how_it_goes_on_do_not_matter() -> None:
    plain = job_folder(["seed=1"])
    assert job_folder(["run_dir='a b'", "seed=1", "resume=never"]) == plain
    assert job_folder(["seed=1", "++run_dir=x"]) == plain
    assert job_folder(["seed=2"]) != plain
