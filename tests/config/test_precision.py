"""The fastest precision is measured once a machine; a resumed run keeps its own."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from mtl_ase.commands.same_run import keep_precision
from mtl_ase.machine import precision
from mtl_ase.machine.cache import CACHE_VARIABLE
from mtl_ase.machine.precision import bf16_speedup, cpu_model, fast_precision, remembered
from tests.conftest import Compose


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A CPU that has bfloat16 units, and an empty cache folder."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True)
    return tmp_path / "cache"


@pytest.mark.parametrize(("speedup", "chosen"), [(0.5, "32-true"), (2.5, "bf16-mixed")])
@pytest.mark.usefixtures("cpu")
def test_a_cpu_gets_what_is_faster(
    composed: Compose, monkeypatch: pytest.MonkeyPatch, speedup: float, chosen: str
) -> None:
    monkeypatch.setattr(precision, "bf16_speedup", lambda: speedup)
    assert composed().trainer.precision == fast_precision() == chosen
    asked = composed("trainer.precision=16-mixed")
    assert asked.trainer.precision == "16-mixed"


@pytest.mark.usefixtures("cpu")
def test_without_bfloat16_units_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(precision, "bf16_speedup", lambda: pytest.fail("measured"))
    assert fast_precision() == "32-true"


def test_a_gpu_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for fast, expected in ((True, "bf16-mixed"), (False, "32-true")):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda fast=fast, **_: fast)
        assert fast_precision() == expected


def test_it_is_measured_once_a_machine(cpu: Path) -> None:
    measured = itertools.count(1)
    assert [remembered("one", lambda: next(measured)) for _ in range(3)] == [1, 1, 1]
    assert remembered("two", lambda: next(measured)) == 2
    assert remembered("one", lambda: next(measured)) == 1
    for broken in ("", "[]", '{"one": "fast"}'):
        (cpu / "bf16_speedup.json").write_text(broken)
        assert remembered("one", lambda: 7.0) == 7


@pytest.mark.usefixtures("cpu")
def test_where_nothing_can_be_written_it_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "below"))
    assert [remembered("one", lambda value=value: value) for value in (1.0, 2.0)] == [1, 2]


def test_the_probe_draws_no_random_numbers() -> None:
    before = torch.get_rng_state()
    assert 0.05 < bf16_speedup() < 50
    assert torch.equal(torch.get_rng_state(), before)
    assert cpu_model()


@pytest.mark.parametrize(
    ("given", "kept"), [((), "32-true"), (("trainer.precision=16-mixed",), "16-mixed")]
)
@pytest.mark.usefixtures("cpu")
def test_a_resumed_run_keeps_its_precision(
    composed: Compose,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: tuple[str, ...],
    kept: str,
) -> None:
    """As another machine may choose another one."""
    monkeypatch.setattr(precision, "bf16_speedup", lambda: 2.0)
    config = composed(*given)
    before = OmegaConf.create({"trainer": {"precision": "32-true"}})
    OmegaConf.save(before, tmp_path / "config.yaml")
    keep_precision(tmp_path / "checkpoints" / "last.ckpt", config)
    assert config.trainer.precision == kept
    keep_precision(tmp_path / "elsewhere" / "checkpoints" / "last.ckpt", config)
    assert config.trainer.precision == kept
