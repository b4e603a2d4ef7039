"""Steps of checkouts that are timed alternately."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtl_ase.base.errors import UserError
from mtl_ase.tools import checkout_worker, checkouts

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_two_checkouts_take_turns(tmp_path: Path, tiny: list[str]) -> None:
    """Twice the same code, below two names."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("mtl_ase", "configs"):
        (other / name).symlink_to(ROOT / name)
    found = checkouts.compare_steps([ROOT, other], [*tiny, "data.batch_size=1"], rounds=2)
    assert set(found["seconds"]) == {ROOT.name, "other"}
    assert set(found["precision"].values()) == {"32-true"}
    assert found["ratio"] > 0


@pytest.mark.parametrize(
    ("names", "said"),
    [(["a"], "two or more"), (["a", "b/a"], "different"), (["a", "b"], "a is no")],
)
def test_what_is_no_checkout_is_refused(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        checkouts.compare_steps([tmp_path / name for name in names], [], rounds=1)


def test_a_single_round_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "mtl_ase").mkdir(parents=True)
    with pytest.raises(UserError, match="2 or more"):
        checkouts.compare_steps([tmp_path / "a", tmp_path / "b"], [], rounds=1)


def test_the_marks_are_the_same() -> None:
    assert checkouts.MARK == checkout_worker.MARK
