"""gradients.csv: cosines of the tasks' gradients. Legend: T tasks, P elements."""

from __future__ import annotations

import csv
from collections import Counter
from contextlib import nullcontext
from itertools import combinations
from types import SimpleNamespace

import pytest
import torch

from mtl_ase.base.errors import UserError
from mtl_ase.training import GradientLog
from mtl_ase.training.exact_resume import seed_everything_at
from tests.model.batches import make_batch
from tests.training.jacobians import slow_rows, stir

TASKS = "tasks=[semseg,normals,edge]"
NETWORKS = {
    "ase_finegrained": ["block 0", "block 1"],
    "mtl_vit": ["embedding", "block 0", "block 1"],
    "mtan": ["stem", "layer1", "layer2", "layer3", "layer4"],
    "cross_stitch": ["stem", "layer1", "layer2", "layer3", "layer4"],
    "mlore": ["embedding", "block 0", "block 1", "decoder"],
}
QUICK = ("ase_finegrained", "mtan")


def trainer_at(step):
    return SimpleNamespace(
        global_step=step,
        fit_loop=SimpleNamespace(total_batch_idx=step),
        is_global_zero=True,
        precision_plugin=SimpleNamespace(train_step_context=nullcontext),
    )


def read(folder):
    with (folder / "gradients.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def slow_cosines(module, batch):
    """By layer and pair of tasks, from a backward pass for every task."""
    seed_everything_at(module.seed, 0, 0)
    logits, _ = module.network(batch.image_BCHW)
    losses = module.stage_losses(logits, batch, module.stage)
    network, shared = module.network, set(module.gradients.shared)
    layers = {**network.encoder.parameters_by_layer(), **network.decoder.parameters_by_layer()}
    places = Counter(parameter for parameters in layers.values() for parameter in parameters)
    assert all(places[parameter] == 1 for parameter in shared)
    found = {}
    for layer, parameters in {"all": list(shared), **layers}.items():
        used = [parameter for parameter in parameters if parameter in shared]
        if not used:
            continue
        rows_TP = slow_rows(module.balance.weighted(losses).double(), used).double()
        for pair in combinations(range(len(losses)), 2):
            names = [list(losses)[row] for row in pair]
            cosine = torch.cosine_similarity(rows_TP[pair[0]], rows_TP[pair[1]], dim=0)
            found[layer, *names] = cosine.item()
    return found


@pytest.mark.parametrize(
    "experiment", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NETWORKS]
)
def test_the_cosines_are_those_of_a_pass_for_every_task(tiny_module, tmp_path, experiment):
    module = tiny_module(f"experiment={experiment}", TASKS)
    stir(module)
    batch = make_batch(module.scorer.tasks, count=2, seed=0)
    before = {name: value.clone() for name, value in module.network.state_dict().items()}
    GradientLog(tmp_path).on_train_batch_start(trainer_at(0), module, batch, 0)
    assert all(parameter.grad is None for parameter in module.parameters())
    after = module.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    found = {(r["layer"], r["task"], r["other"]): float(r["cosine"]) for r in read(tmp_path)}
    assert list(dict.fromkeys(layer for layer, *_ in found)) == ["all", *NETWORKS[experiment]]
    assert found == pytest.approx(slow_cosines(module, batch), abs=1e-5)


def test_tasks_without_labels_are_left_out(tiny_module, tmp_path):
    module = tiny_module("experiment=ase", TASKS)
    stir(module)
    batch = make_batch(module.scorer.tasks, count=2, seed=0)
    batch.labels["normals"].zero_()
    GradientLog(tmp_path).on_train_batch_start(trainer_at(0), module, batch, 0)
    assert {(row["task"], row["other"]) for row in read(tmp_path)} == {("semseg", "edge")}
    assert all(float(row["task_norm"]) > 0 < float(row["other_norm"]) for row in read(tmp_path))


def test_rows_come_every_n_steps_and_once_a_step(tiny_module, tmp_path):
    """With accumulate_grad_batches=2 the step stands still every other batch."""
    module = tiny_module("experiment=ase", TASKS)
    stir(module)
    batch = make_batch(module.scorer.tasks, count=2, seed=0)
    log = GradientLog(tmp_path, every_n_steps=2)
    for step in (0, 0, 1, 1, 2, 2):
        log.on_train_batch_start(trainer_at(step), module, batch, 0)
    rows = read(tmp_path)
    assert [row["step"] for row in rows if row["layer"] == "all"] == ["0"] * 3 + ["2"] * 3


def test_a_network_whose_tasks_share_nothing_is_refused(tmp_path):
    module = SimpleNamespace(gradients=SimpleNamespace(shared=[]))
    with pytest.raises(UserError, match="nothing that is trained is shared"):
        GradientLog(tmp_path).on_fit_start(trainer_at(0), module)
