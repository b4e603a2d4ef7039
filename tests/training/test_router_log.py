"""router.csv: what the routers do. T tasks, E experts."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import pytest
import torch

from mtl_ase.base.csv_rows import read_rows
from mtl_ase.model import Routing
from mtl_ase.training import RouterLog
from mtl_ase.training.router_health import health_of

TASKS = ["semseg", "human_parts", "saliency", "normals", "edge"]
SUM_ONE = ["ase", "ase_finegrained", "lora_moe_renormalised"]
SUM_BELOW_ONE = ["lora_moe"]
MODULE = SimpleNamespace(tasks=dict.fromkeys(TASKS))


def read(folder):
    with (folder / "router.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def made(gate, num_layers=2, num_experts=3):
    """Routing whose gates are all one number."""
    gate_TBLE = torch.full((len(TASKS), 1, 2, num_experts), gate)
    return {"routing": [Routing(n, "ffn", gate_TBLE, gate_TBLE) for n in range(num_layers)]}


def end_batches(log, steps, outputs, loggers=()):
    for step, output in zip(steps, outputs, strict=True):
        trainer = SimpleNamespace(global_step=step, loggers=loggers)
        log.on_train_batch_end(trainer, MODULE, output, None, 0)


@pytest.mark.parametrize("experiment", SUM_ONE + SUM_BELOW_ONE)
def test_a_row_per_layer_task_and_expert(tiny_network, tmp_path, experiment):
    network = tiny_network(f"experiment={experiment}")
    routing = network(torch.zeros(2, 3, 64, 64)).routing
    end_batches(RouterLog(str(tmp_path), every_n_steps=1), [1], [{"routing": routing}])
    rows = read(tmp_path)
    gate = network.encoder.blocks[0].adapters["ffn"].gate
    assert {row["site"] for row in rows} == {"ffn"}
    keys = [(int(row["layer"]), row["task"], int(row["expert"])) for row in rows]
    expected = [(n, t, e) for n in range(2) for t in TASKS for e in range(gate.num_experts)]
    assert keys == expected
    for start in range(0, len(rows), gate.num_experts):
        layer_and_task = rows[start : start + gate.num_experts]
        weight = sum(float(row["gate"]) for row in layer_and_task)
        share = sum(float(row["share"]) for row in layer_and_task)
        assert share == pytest.approx(gate.top_k + gate.num_shared, abs=1e-4)
        assert weight == pytest.approx(1, abs=1e-4) if experiment in SUM_ONE else weight < 0.99
        competing, shared = layer_and_task[: gate.num_sparse], layer_and_task[gate.num_sparse :]
        assert all(float(row["share"]) == 1 and not row["probability"] for row in shared)
        assert sum(float(row["probability"]) for row in competing) == pytest.approx(1, abs=1e-4)


def test_rows_are_of_the_last_batch_of_a_logged_step_and_of_the_run(tmp_path):
    log = RouterLog(str(tmp_path), every_n_steps=2)
    end_batches(log, range(1, 6), [made(gate) for gate in (0.1, 0.2, 0.3, 0.5, 0.9)])
    log.on_fit_end(SimpleNamespace(global_step=5), MODULE)
    found = {int(row["step"]): float(row["gate"]) for row in read(tmp_path)}
    assert found == pytest.approx({1: 0.1, 2: 0.2, 4: 0.5, 5: 0.9})
    log.on_fit_end(SimpleNamespace(global_step=5), MODULE)
    assert len(read(tmp_path)) == 4 * 2 * len(TASKS) * 3


def test_summed_gradients_do_not_repeat_rows(tmp_path):
    """With accumulate_grad_batches=2 the step stands still every other batch."""
    log = RouterLog(str(tmp_path), every_n_steps=2)
    end_batches(log, [0, 1, 1, 2, 2, 3, 3, 4], [made(float(gate)) for gate in range(8)])
    log.on_fit_end(SimpleNamespace(global_step=4), MODULE)
    found = [(int(row["step"]), float(row["gate"])) for row in read(tmp_path)]
    assert sorted(set(found)) == [(1, 1), (2, 3), (4, 7)]
    assert len(found) == 3 * 2 * len(TASKS) * 3


def test_statistics_are_computed_only_on_steps_that_are_logged(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Routing, "gate_TE", lambda self: asked.append(1) or torch.ones(5, 3))
    log = RouterLog(str(tmp_path), every_n_steps=100)
    end_batches(log, range(1, 211), [made(0.1, num_layers=1)] * 210)
    assert len(asked) == 1 + 9 + 2
    steps = list(dict.fromkeys(int(row["step"]) for row in read(tmp_path)))
    assert steps == [1, *range(10, 100, 10), 100, 200]


def test_a_run_stopped_at_its_end_logs_the_last_batch_before_it(tmp_path):
    """A checkpoint of the last step, with no step left to train: its statistics are in there."""
    stopped, resumed = (RouterLog(str(tmp_path), every_n_steps=100) for _ in range(2))
    end_batches(stopped, [1, 2], [made(0.1), made(0.25)])
    resumed.load_state_dict(stopped.state_dict())
    resumed.on_fit_end(SimpleNamespace(global_step=2), MODULE)
    found = {(row["step"], row["gate"]) for row in read(tmp_path)}
    assert found == {("1", "0.100000"), ("2", "0.250000")}


def test_a_router_for_all_tasks_has_a_row_for_each(tmp_path):
    gate_1BLE = torch.full((1, 1, 2, 3), 0.5)
    outputs = {"routing": [Routing(0, "fc1", gate_1BLE, gate_1BLE)]}
    end_batches(RouterLog(str(tmp_path), every_n_steps=1), [1], [outputs])
    assert [row["task"] for row in read(tmp_path)][::3] == TASKS


def test_a_resumed_run_appends(tmp_path):
    for steps in ([1, 2], [3, 4]):
        end_batches(RouterLog(str(tmp_path), every_n_steps=2), steps, [made(0.1)] * 2)
    steps = [int(row["step"]) for row in read(tmp_path)]
    assert sorted(set(steps)) == [1, 2, 4]


def test_loggers_get_the_routers_health(tiny_network, tmp_path):
    """At logged steps, under the step that the training loss of the same batch has."""
    logged = []
    logger = SimpleNamespace(log_metrics=lambda values, step: logged.append((step, values)))
    routing = tiny_network("experiment=ase")(torch.zeros(2, 3, 64, 64)).routing
    outputs = [{"routing": routing}] * 3
    end_batches(RouterLog(str(tmp_path), every_n_steps=2), [1, 2, 3], outputs, [logger, logger])
    assert [step for step, _ in logged] == [0, 0, 1, 1]
    health = health_of(read_rows(tmp_path / "router.csv"))[-1]
    by_task = {f"router/shared/{task}": health.shared[task] for task in TASKS}
    by_task |= {f"router/token_entropy/{task}": health.token_entropy[task] for task in TASKS}
    rest = {"router/information": health.information, "router/idle": health.idle}
    assert logged[-1][1] == by_task | rest


def test_no_file_without_routers(tmp_path):
    log = RouterLog(str(tmp_path), every_n_steps=1)
    end_batches(log, [1], [{"routing": []}])
    log.on_fit_end(SimpleNamespace(global_step=1), MODULE)
    assert not (tmp_path / "router.csv").exists()
