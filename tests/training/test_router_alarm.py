"""Warnings about idle experts."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
import torch

from mtl_ase.model import Routing
from mtl_ase.training import RouterAlarm


def routing(*shares: list[float]) -> dict:
    """Outputs of a step, given the experts' shares in every layer; two tasks alike."""
    routers = [
        SimpleNamespace(
            layer=layer,
            gate_TBLE=torch.ones(2, 1, 1, len(load_E)),
            logits_TBLE=torch.zeros(2, 1, 1, len(load_E)),
            prob_TE=lambda load_E=load_E: torch.ones(2, len(load_E)) / len(load_E),
            load_TE=lambda load_E=load_E: torch.tensor([load_E, load_E]),
        )
        for layer, load_E in enumerate(shares)
    ]
    return {"routing": routers}


def feed(alarm: RouterAlarm, outputs: dict | None, steps: int, start: int = 0) -> None:
    for step in range(start, start + steps):
        alarm.on_train_batch_end(None, None, outputs, None, step)  # type: ignore[arg-type]


def quiet(alarm: RouterAlarm, outputs: dict | None, steps: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        feed(alarm, outputs, steps)


def test_idle_experts_are_counted_by_layer():
    alarm = RouterAlarm(share=0.01, steps=200, every_n_steps=50)
    outputs = routing([0.5, 0.49, 0.009], [0.3, 0.3, 0.4])
    quiet(alarm, outputs, 150)
    with pytest.warns(UserWarning, match=r"1 of 6 experts got under 1 % .* \(layers 0\)"):
        feed(alarm, outputs, 50)
    quiet(alarm, outputs, 100)
    worse = routing([1.0, 0.0, 0.0], [0.3, 0.3, 0.4])
    with pytest.warns(UserWarning, match="2 of 6 experts"):
        feed(alarm, worse, 200)


def test_a_single_good_step_starts_the_count_anew():
    alarm = RouterAlarm(steps=20, every_n_steps=1)
    idle, busy = routing([0.0, 1.0]), routing([0.02, 0.98])
    for _ in range(5):
        quiet(alarm, idle, 19)
        quiet(alarm, busy, 1)


def test_a_resumed_alarm_goes_on():
    outputs = routing([0.0, 1.0])
    first, second = RouterAlarm(steps=20, every_n_steps=1), RouterAlarm(steps=20, every_n_steps=1)
    quiet(first, outputs, 19)
    second.load_state_dict(first.state_dict())
    with pytest.warns(UserWarning, match="1 of 2 experts"):
        feed(second, outputs, 1)


def test_short_epochs_are_looked_at_too():
    """Batches are counted from 0 in every epoch."""
    alarm = RouterAlarm(steps=20, every_n_steps=5)
    outputs = routing([0.0, 1.0])
    for _ in range(6):
        quiet(alarm, outputs, 3)
    with pytest.warns(UserWarning, match="1 of 2 experts"):
        feed(alarm, outputs, 3)


def decided(shared: float, apart: bool) -> dict:
    """Two tasks and four experts that compete, of which each task has two; one shared expert."""
    rows_TE = torch.tensor([[9.0, 9, 0, 0], [0, 0, 9, 9]]) if apart else torch.zeros(2, 4)
    gate_TE = torch.cat([torch.full((2, 4), (1 - shared) / 4), torch.full((2, 1), shared)], 1)
    return {"routing": [Routing(3, "ffn", rows_TE[:, None, None], gate_TE[:, None, None])]}


def test_faded_shared_experts_are_told_once():
    alarm = RouterAlarm(shared=0.05, steps=200, every_n_steps=50)
    quiet(alarm, decided(0.06, apart=False), 400)
    quiet(alarm, decided(0.04, apart=False), 199)
    with pytest.warns(UserWarning, match=r"weight has been under 5 % for 200 steps \(now 4 %\)"):
        feed(alarm, decided(0.04, apart=False), 1)
    quiet(alarm, decided(0.04, apart=False), 400)


def test_walled_off_tasks_are_told_once():
    alarm = RouterAlarm(information=0.7, steps=100, every_n_steps=50)
    quiet(alarm, decided(0.2, apart=False), 200)
    with pytest.warns(UserWarning, match="mutual information between tasks and experts"):
        feed(alarm, decided(0.2, apart=True), 100)
    quiet(alarm, decided(0.2, apart=True), 200)


def test_networks_without_experts_and_skipped_batches_are_left_alone():
    alarm = RouterAlarm(steps=1, every_n_steps=1)
    quiet(alarm, {"routing": []}, 3)
    quiet(alarm, None, 3)
    assert not alarm.idle
