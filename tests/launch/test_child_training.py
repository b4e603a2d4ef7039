"""Child trainings end with the process that started them."""

from __future__ import annotations

import os

import pytest

from mtl_ase.launch import child_training
from mtl_ase.launch.child_training import end_with_starter


def test_a_training_ends_with_the_process_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    watched: list[int] = []
    monkeypatch.setattr(child_training, "end_with_parent", watched.append)
    monkeypatch.delenv(child_training.PARENT_VARIABLE, raising=False)
    end_with_starter()
    assert watched == []
    monkeypatch.setenv(child_training.PARENT_VARIABLE, "1234")
    end_with_starter()
    assert watched == [1234]
    assert child_training.PARENT_VARIABLE not in os.environ
