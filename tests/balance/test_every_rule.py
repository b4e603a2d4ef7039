"""What every rule that the configs build keeps to when it trains a network. Legend: T tasks."""

from __future__ import annotations

import copy
import functools

import lightning.pytorch as pl
import pytest
import torch
from torch.utils.data import DataLoader

from mtl_ase.build import build_module, build_network, build_tasks
from mtl_ase.config import CONFIGS
from tests.model.batches import make_batch

RULES = sorted(path.stem for path in (CONFIGS / "balance").glob("*.yaml"))
TASKS = ("semseg", "normals", "edge")
SINGLE_TASK = [  # for rules that compare with them
    "training.reference.dataset=scenes",
    "training.reference.values={semseg/miou:60,normals/merr:20,edge/odsf:50}",
]
SCORES = {"semseg/miou": 30.0, "normals/merr": 25.0, "edge/odsf": 45.0}

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*no `val_dataloader`"),
    pytest.mark.filterwarnings("ignore:.*you have set .limit_val_batches=0"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
    pytest.mark.parametrize("name", RULES),
]


@pytest.fixture(scope="module")
def build(composed, tiny):
    """Makes the tiny network's module of three tasks with a rule; no weight of it is 0."""

    @functools.cache
    def built(name):
        torch.manual_seed(0)
        chosen = [f"tasks=[{','.join(TASKS)}]", f"balance={name}", *SINGLE_TASK]
        config = composed("experiment=ase_finegrained", *tiny, *chosen)
        tasks = build_tasks(config)
        module = build_module(config, tasks, build_network(config, tasks))
        with torch.no_grad():
            for parameter in module.network.parameters():
                if parameter.requires_grad:
                    parameter += 0.05 * torch.randn(parameter.shape)
        return module

    return lambda name: copy.deepcopy(built(name))


def batch_for(module, *unlabelled):
    """A made batch in which some tasks have no labelled pixel."""
    batch = make_batch(module.scorer.tasks)
    for task in unlabelled:
        batch.labels[task].fill_(255)
    return batch


def step(module, batch):
    """An epoch of one step and a validation; the gradients of the step, and what was logged."""
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader([batch], batch_size=None))
    module.balance.end_validation(SCORES, module.scorer.higher_is_better())
    grads = {n: p.grad for n, p in module.named_parameters() if p.requires_grad}
    return copy.deepcopy(grads), dict(trainer.callback_metrics)


def state_of(part):
    return copy.deepcopy(part.state_dict())


def same(first, second):
    """Bit for bit."""
    torch.testing.assert_close(first, second, rtol=0, atol=0, equal_nan=True)


def differ(first, second):
    return any(not torch.equal(first[key].nan_to_num(), second[key].nan_to_num()) for key in first)


def test_a_step_gives_every_trained_parameter_a_finite_gradient(build, name):
    module = build(name)
    before = state_of(module.network)
    grads, _ = step(module, batch_for(module))
    assert [n for n, grad in grads.items() if grad is None or not grad.isfinite().all()] == []
    assert any(grads[f"network.{n}"].any() for n in trained_by_all(module))
    assert differ(before, module.network.state_dict())


def test_a_task_without_labels_has_no_weight_and_the_others_go_on(build, name):
    """Nothing reaches its head, or is logged of its weight; the others' heads learn."""
    module = build(name)
    grads, logged = step(module, batch_for(module, "edge"))
    assert logged["train/edge/loss"] == 0
    assert logged.get("train/edge/weight", 0) == 0
    owned = module.network.decoder.of_tasks()
    names = {parameter: n for n, parameter in module.named_parameters()}
    heads = {task: [grads[names[p]] for p in owned[task] if p in names] for task in TASKS}
    assert not any(grad is not None and grad.any() for grad in heads["edge"])
    for task in ("semseg", "normals"):
        assert any(grad.any() for grad in heads[task])
    assert all(grad is None or grad.isfinite().all() for grad in grads.values())
    assert any(grads[f"network.{n}"].any() for n in trained_by_all(module))
    assert all(value.isfinite() for key, value in logged.items() if key.endswith("/weight"))


def test_what_an_unlabelled_task_predicts_does_not_matter(build, name):
    """Whatever its head is, the step of all else stays the same."""
    steps = []
    for shift in (0.0, 3.0):
        module = build(name)
        with torch.no_grad():
            for parameter in module.network.decoder.of_tasks()["edge"]:
                parameter += shift
        grads, logged = step(module, batch_for(module, "edge"))
        assert logged["train/edge/loss"] == 0
        steps.append(grads)
    same(*steps)


def test_the_next_step_follows_from_the_state(build, name):
    """Another module, given the state_dict, takes the same step, and remembers the same of it."""
    module, other = build(name), build(name)
    batch = batch_for(module)
    for each in (module, module, other):
        step(each, batch)
    other.load_state_dict(state_of(module))
    same(step(module, batch)[0], step(other, batch)[0])
    same(module.state_dict(), other.state_dict())


def test_two_steps_differ_only_by_what_the_rule_remembers(build, name):
    """From the same weights and noise, a rule whose state is as before takes the same step."""
    module = build(name)
    batch, weights, state = batch_for(module), state_of(module.network), state_of(module.balances)
    first, _ = step(module, batch)
    remembered = state_of(module.balances)
    module.network.load_state_dict(weights)
    second, _ = step(module, batch)
    if not differ(state, remembered):
        same(first, second)
    module.network.load_state_dict(weights)
    module.balances.load_state_dict(state)
    same(step(module, batch)[0], first)


def trained_by_all(module):
    """Names of the trained parameters that all tasks share."""
    shared = set(module.gradients.shared)
    return [n for n, parameter in module.network.named_parameters() if parameter in shared]


def test_what_a_rule_remembers_keeps_its_bits(build, name):
    """Where the module is cast, as by trainer.precision=bf16-true."""
    module = build(name)
    step(module, batch_for(module))
    remembered = dict(module.balance.named_buffers())
    before = {key: value.clone() for key, value in remembered.items()}
    module.bfloat16()
    same(dict(module.balance.named_buffers()), before)
    assert next(module.network.parameters()).dtype == torch.bfloat16
