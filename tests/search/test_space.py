"""Ranges and choices on the command line of a search."""

from __future__ import annotations

import math

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_ase.base.errors import UserError
from mtl_ase.search.space import Choice, Range, read_dimension, sample_overrides

NUMBERS = st.floats(-1e12, 1e12)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
ODD = ["[1,2]", "{a:1,b:c}", "null", "true", "0.5", "'a b'"]
VALUES = WORDS | st.integers(-99, 99).map(str) | st.sampled_from(ODD)


def override_value(override: str) -> object:
    return OverridesParser.create().parse_override(override).value()


@settings(deadline=None)
@given(low=NUMBERS, high=NUMBERS, kind=st.sampled_from(["log", "uniform"]))
def test_a_range_of_real_numbers_is_read_exactly_or_refused(
    low: float, high: float, kind: str
) -> None:
    text = f"{kind}({low!r}, {high!r})"
    if low < high and (kind == "uniform" or low > 0):
        assert read_dimension("key", text) == Range(kind, low, high)
    else:
        with pytest.raises(UserError, match=r"^key="):
            read_dimension("key", text)


@settings(deadline=None)
@given(low=st.integers(-(10**9), 10**9), size=st.integers(-5, 10**6))
def test_a_range_of_whole_numbers_is_read_exactly_or_refused(low: int, size: int) -> None:
    text = f"int({low},{low + size})"
    if size > 0:
        assert read_dimension("key", text) == Range("int", low, low + size)
    else:
        with pytest.raises(UserError, match="LOW must be less than HIGH"):
            read_dimension("key", text)


@settings(deadline=None)
@given(options=st.lists(VALUES, min_size=2, max_size=6, unique=True))
def test_a_choice_is_read_as_hydra_reads_its_values(options: list[str]) -> None:
    dimension = read_dimension("key", f"choice({','.join(options)})")
    assert isinstance(dimension, Choice)
    for option, typed in zip(dimension.options, options, strict=True):
        assert repr(override_value(f"key={option}")) == repr(override_value(f"key={typed}"))


@settings(deadline=None)
@given(low=NUMBERS, high=NUMBERS)
def test_ranges_as_text_are_parsed_back(low: float, high: float) -> None:
    if low < high:
        dimension = Range("uniform", low, high)
        assert read_dimension("key", str(dimension)) == dimension


@settings(deadline=None)
@given(low=st.floats(1e-300, 1e300))
def test_hydra_reads_samples_as_numbers(low: float) -> None:
    (first,) = sample_overrides({"key": Range("log", low, math.inf)})
    value = override_value(first[0])
    assert isinstance(value, float)
    assert value == low


@pytest.mark.parametrize(
    "text", ["3", "adamw", "[1,2]", "1,2", "", "'log(1,2)'", "logs(1,2)", "log", "log(1,2", "x+(1)"]
)
def test_other_values_are_left_to_hydra(text: str) -> None:
    assert read_dimension("key", text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log(0,1)", "no logarithm at 0"),
        ("log(-1,1)", "no logarithm at -1"),
        ("log(1)", "two numbers"),
        ("log(1,2,3)", "two numbers"),
        ("uniform(a,b)", "two numbers"),
        ("uniform(1,inf)", "both finite"),
        ("uniform(nan,1)", "both finite"),
        ("uniform(2,1)", "LOW must be less than HIGH"),
        ("int(1,1)", "LOW must be less than HIGH"),
        ("int(1,2.5)", "two whole numbers"),
        ("int()", "two whole numbers"),
        ("choice()", "two different values"),
        ("choice(1,)", "can't be read"),
        ("choice([1,2)", "can't be read"),
        ("choice(range(1,3))", "two different values"),
        ("choice(1)", "two different values"),
        ("choice(1,1)", "two different values"),
    ],
)
def test_a_wrong_range_or_choice_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"^a\.key=.*{message}.*\.$"):
        read_dimension("a.key", text)


def test_samples_have_every_choice_once() -> None:
    space = {
        "lr": Range("log", 1e-4, 1e-2),
        "rank": Choice(("1", "2", "4")),
        "size": Range("int", 2, 8),
        "optimizer": Choice(("adamw", "sgd")),
    }
    assert sample_overrides(space) == [
        ["lr=0.0001", "rank=1", "size=2", "optimizer=adamw"],
        ["lr=0.0001", "rank=2", "size=2", "optimizer=adamw"],
        ["lr=0.0001", "rank=4", "size=2", "optimizer=adamw"],
        ["lr=0.0001", "rank=1", "size=2", "optimizer=sgd"],
    ]
