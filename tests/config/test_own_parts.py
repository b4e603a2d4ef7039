"""Configs and code of one's own, as command lines name them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.config import check_targets, take_own_parts
from mtl_ase.config.own_parts import VARIABLE, trust_options, trusted_modules


@pytest.fixture(autouse=True)
def _nothing_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.parametrize("option", [["--config-dir=DIR"], ["--config-dir", "DIR"], ["-cd", "DIR"]])
@pytest.mark.parametrize("before", [[], ["seed=1"]])
@pytest.mark.parametrize("after", [[], ["-m", "a=2"]])
def test_a_folder_becomes_an_override(
    tmp_path: Path, option: list[str], before: list[str], after: list[str]
) -> None:
    typed = [word.replace("DIR", str(tmp_path)) for word in option]
    override = f"hydra.searchpath=['file://{tmp_path}']"
    assert take_own_parts([*before, *typed, *after]) == [*before, *after, override]


def test_without_the_options_nothing_changes() -> None:
    before = list(sys.path)
    assert take_own_parts([]) == []
    assert take_own_parts(["--help", "seed=1"]) == ["--help", "seed=1"]
    assert sys.path == before
    assert trusted_modules() == trust_options() == []


def test_trusted_code_may_be_named_and_is_found_here_after_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code_of_mine.py").write_text("class Part: ...\n")
    monkeypatch.chdir(tmp_path)
    config = OmegaConf.create({"part": {"_target_": "code_of_mine.Part"}})
    with pytest.raises(UserError, match="add --trust=code_of_mine"):
        check_targets(config)
    assert take_own_parts(["--trust=code_of_mine,other.part", "seed=1"]) == ["seed=1"]
    assert sys.path[-1] == str(tmp_path)
    check_targets(config)
    assert trust_options() == ["--trust=code_of_mine,other.part"]
    similar = OmegaConf.create({"part": {"_target_": "code_of_mine_too.Part"}})
    with pytest.raises(UserError, match="outside what configs may build"):
        check_targets(similar)


@pytest.mark.parametrize("target", ["os.system", "torch.load", "hydra.utils.call", "eval"])
def test_nobody_is_advised_to_trust_a_library(target: str) -> None:
    with pytest.raises(UserError, match="outside what configs may build") as caught:
        check_targets(OmegaConf.create({"part": {"_target_": target}}))
    assert "--trust" not in str(caught.value)


@pytest.mark.parametrize("name", ["os", "builtins", "subprocess.run", "a-b", "a b", "", "a,.b"])
def test_what_is_no_module_of_ones_own_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="--trust"):
        take_own_parts([f"--trust={name}"])
