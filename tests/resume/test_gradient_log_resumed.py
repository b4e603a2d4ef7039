"""The log of gradients changes nothing in a run, and goes on where the run does."""

from __future__ import annotations

from pathlib import Path

import torch

from mtl_ase.training import GradientLog
from tests.conftest import Compose
from tests.resume.runs import QUIET, Setting, Stop, run, same_end, small_config

pytestmark = QUIET

SETTING = Setting(accumulate=2, epochs=2)


def test_a_run_is_the_same_with_the_log_and_without(
    composed: Compose, tiny: list[str], tmp_path: Path
) -> None:
    config = small_config(composed, tiny)
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    run(config, plain, SETTING)
    run(config, watched, SETTING, watch=GradientLog(watched, 2))
    assert (plain / "metrics.csv").read_text() == (watched / "metrics.csv").read_text()
    networks = [torch.load(folder / "network.pt", weights_only=True) for folder in (plain, watched)]
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])


def test_a_resumed_run_leaves_the_same_log(
    composed: Compose, tiny: list[str], tmp_path: Path
) -> None:
    config = small_config(composed, tiny)
    calm, broken = tmp_path / "calm", tmp_path / "broken"
    run(config, calm, SETTING, watch=GradientLog(calm, 2))
    stop = Stop("on_train_batch_start", 9)
    assert run(config, broken, SETTING, stop, GradientLog(broken, 2))
    run(config, broken, SETTING, watch=GradientLog(broken, 2))
    same_end(calm, broken)
    logs = [(folder / "gradients.csv").read_text() for folder in (calm, broken)]
    assert logs[0] == logs[1]
    assert len(logs[0].splitlines()) > 1
