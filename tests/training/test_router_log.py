"""router.csv: what the routers do. N layers, T tasks, E experts."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import pytest
import torch

from mtl_ase.model import Routing
from mtl_ase.training import RouterLog
from mtl_ase.training.routing_callback import stack_routing

TASKS = ["semseg", "human_parts", "saliency", "normals", "edge"]
SUM_ONE = ["ase", "ase_finegrained", "lora_moe_renormalised"]
SUM_BELOW_ONE = ["lora_moe"]
MODULE = SimpleNamespace(tasks=dict.fromkeys(TASKS))


def read(folder):
    with (folder / "router.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def made(gate, num_layers=2, num_experts=3):
    """Routing whose gates and shares are all one number."""
    gate_TE = torch.full((len(TASKS), num_experts), gate)
    return {"routing": [Routing(gate_TE, gate_TE, 2 * gate_TE) for _ in range(num_layers)]}


def end_batches(log, steps, outputs):
    for step, output in zip(steps, outputs, strict=True):
        log.on_train_batch_end(SimpleNamespace(global_step=step), MODULE, output, None, 0)


@pytest.mark.parametrize("experiment", SUM_ONE + SUM_BELOW_ONE)
def test_a_row_per_layer_task_and_expert(tiny_network, tmp_path, experiment):
    network = tiny_network(f"experiment={experiment}")
    routing = network(torch.zeros(2, 3, 64, 64)).routing
    end_batches(RouterLog(str(tmp_path), every_n_steps=1), [1], [{"routing": routing}])
    rows = read(tmp_path)
    gate = network.blocks[0].adapter.gate
    keys = [(int(row["layer"]), row["task"], int(row["expert"])) for row in rows]
    expected = [(n, t, e) for n in range(2) for t in TASKS for e in range(gate.num_experts)]
    assert keys == expected
    for start in range(0, len(rows), gate.num_experts):
        layer_and_task = rows[start : start + gate.num_experts]
        weight = sum(float(row["gate"]) for row in layer_and_task)
        share = sum(float(row["share"]) for row in layer_and_task)
        assert share == pytest.approx(gate.top_k + gate.num_shared, abs=1e-4)
        assert weight == pytest.approx(1, abs=1e-4) if experiment in SUM_ONE else weight < 0.99
        assert all(float(row["share"]) == 1 for row in layer_and_task[gate.num_sparse :])


def test_rows_are_means_since_the_last_ones(tmp_path):
    log = RouterLog(str(tmp_path), every_n_steps=2)
    end_batches(log, range(1, 6), [made(gate) for gate in (0.1, 0.2, 0.3, 0.5, 0.9)])
    log.on_fit_end(SimpleNamespace(global_step=5), MODULE)
    found = {int(row["step"]): float(row["gate"]) for row in read(tmp_path)}
    assert found == pytest.approx({2: 0.15, 4: 0.4, 5: 0.9})
    assert {float(row["share"]) for row in read(tmp_path)} == {0.3, 0.8, 1.8}


def test_summed_gradients_do_not_repeat_rows(tmp_path):
    """With accumulate_grad_batches=2 the step stands still every other batch."""
    log = RouterLog(str(tmp_path), every_n_steps=2)
    end_batches(log, [0, 1, 1, 2, 2, 3, 3, 4], [made(0.1 * gate) for gate in range(8)])
    log.on_fit_end(SimpleNamespace(global_step=4), MODULE)
    found = [(int(row["step"]), float(row["gate"])) for row in read(tmp_path)]
    assert sorted(set(found)) == [(2, 0.15), (4, 0.55)]
    assert len(found) == 2 * 2 * len(TASKS) * 3


def test_a_resumed_run_appends(tmp_path):
    for steps in ([1, 2], [3, 4]):
        end_batches(RouterLog(str(tmp_path), every_n_steps=2), steps, [made(0.1)] * 2)
    steps = [int(row["step"]) for row in read(tmp_path)]
    assert sorted(set(steps)) == [2, 4]


def test_no_file_without_routers(tmp_path):
    log = RouterLog(str(tmp_path), every_n_steps=1)
    end_batches(log, [1], [{"routing": []}])
    log.on_fit_end(SimpleNamespace(global_step=1), MODULE)
    assert not (tmp_path / "router.csv").exists()


def test_stacked_routing():
    stats_2NTE = stack_routing(made(0.25, num_layers=4)["routing"])
    assert stats_2NTE.shape == (2, 4, len(TASKS), 3)
    assert stats_2NTE[:, 0, 0, 0].tolist() == [0.25, 0.5]
