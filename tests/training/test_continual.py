"""Training in stages: only the stage's tasks learn, and nothing of the others moves."""

from __future__ import annotations

import lightning.pytorch as pl
import pytest
import torch
from hydra.errors import InstantiationException
from torch.utils.data import DataLoader

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_module, build_network, build_tasks
from mtl_ase.training import module as training_module
from mtl_ase.training.stages import StagePlan
from tests.model.batches import make_batch

STAGES = [["semseg"], ["normals"], ["edge"]]
THREE = ["experiment=same_continual", "tasks=[semseg,normals,edge]"]
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec"),
    pytest.mark.filterwarnings("ignore:.*no `val_dataloader`"),
]


class Watch(pl.Callback):
    """Keeps copies of the state before every step and at the end, and the learning rates."""

    def __init__(self):
        self.states, self.rates, self.losses = [], [], []

    def keep(self, module):
        """Keep a copy."""
        self.states.append({name: v.clone() for name, v in module.state_dict().items()})

    def on_train_batch_start(self, trainer, pl_module, *_):
        """Keep it."""
        self.keep(pl_module)
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(self, trainer, pl_module, *_):
        """Keep which losses were logged."""
        self.losses.append(set(trainer.fit_loop.epoch_loop._results))

    def on_train_end(self, trainer, pl_module):
        """Keep it."""
        self.keep(pl_module)


@pytest.fixture
def built(composed, tiny):
    """Builds a module of three tasks in stages."""

    def make(*overrides, stages="[[semseg],[normals],[edge]]"):
        torch.manual_seed(0)
        config = composed(*tiny, *THREE, f"data.stages={stages}", *overrides)
        tasks = build_tasks(config)
        return build_module(config, tasks, build_network(config, tasks))

    return make


def fit(module, steps=6, **options):
    """Train on made batches; what was watched."""
    watch = Watch()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=steps,
        logger=False,
        callbacks=[watch],
        gradient_clip_val=1.0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **options,
    )
    batches = [make_batch(module.tasks, seed=seed) for seed in range(steps)]
    trainer.fit(module, DataLoader(batches, batch_size=None))
    return watch


def changed(before, after):
    """Names of what differs between two states."""
    return {name for name in after if not torch.equal(before[name], after[name])}


def test_only_the_stages_tasks_have_gradients(built, monkeypatch):
    module = built()
    module.plan = StagePlan(["semseg", "normals", "edge"], STAGES, 3)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    monkeypatch.setattr(type(module), "global_step", 1)
    module.training_step(make_batch(module.tasks), 0)["loss"].backward()
    for task, head in module.network.decoder.heads.items():
        graded = [p.grad is not None and bool(p.grad.any()) for p in head.parameters()]
        assert any(graded) == (task == "normals")
    embedding_TD = module.network.encoder.task_embedding_TD.grad
    assert embedding_TD.any(-1).tolist() == [False, True, False]


def test_among_several_processes_every_parameter_has_a_gradient(built, monkeypatch):
    """DDP waits for all of them; those of other tasks are 0."""
    module = built()
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    monkeypatch.setattr(training_module, "num_processes", lambda: 2)
    module.training_step(make_batch(module.tasks), 0)["loss"].backward()
    assert all(p.grad is not None for p in module.parameters() if p.requires_grad)
    head = module.network.decoder.heads["edge"]
    assert not any(p.grad.any() for p in head.parameters())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_what_other_tasks_use_alone_stays(built, optimizer):
    """Heads with their norms and rows of the task embedding, in spite of decay and momentum."""
    watch = fit(built(f"optimizer={optimizer}", "training.optimizer.lr=1e-2"))
    for step, (before, after) in enumerate(zip(watch.states, watch.states[1:], strict=False)):
        (task,), row = STAGES[step // 2], step // 2
        found = changed(before, after)
        heads = {name.split(".")[3] for name in found if ".heads." in name}
        assert heads == {task}
        assert any("running_mean" in name for name in found if ".heads." in name)
        moved_TD = (
            after["network.encoder.task_embedding_TD"]
            != before["network.encoder.task_embedding_TD"]
        )
        assert moved_TD.any(-1).tolist() == [number == row for number in range(3)]
        assert any("down_RD" in name for name in found)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_a_rule_learns_in_its_own_stage_only(built, optimizer, processes, monkeypatch):
    """Others have no gradient, or among several processes one of 0, and no momentum is left."""
    monkeypatch.setattr(training_module, "num_processes", lambda: processes)
    watch = fit(built(f"optimizer={optimizer}", "balance=uncertainty"))
    for step, (before, after) in enumerate(zip(watch.states, watch.states[1:], strict=False)):
        moved = {name for name in changed(before, after) if name.startswith("balances.")}
        assert moved == {f"balances.{step // 2}.log_variances_T"}


@pytest.mark.parametrize("rule", ["gradnorm", "gradvac", "moco", "nash_mtl"])
def test_rules_on_gradients_know_their_stage(built, rule):
    """A rule sees the tasks of its stage, counted from 0, and remembers nothing in others."""
    module = built(f"balance={rule}", stages="[[semseg],[normals,edge]]")
    watch = fit(module, steps=4)
    for step, (before, after) in enumerate(zip(watch.states, watch.states[1:], strict=False)):
        moved = {name for name in changed(before, after) if name.startswith("balances.")}
        assert all(name.startswith(f"balances.{step // 2}.") for name in moved)
        assert any("down_RD" in name for name in changed(before, after))
    assert all(value.isfinite().all() for value in watch.states[-1].values())


def test_the_schedule_begins_anew_in_every_stage(built):
    rates = fit(built(), steps=9).rates
    assert rates[:3] == rates[3:6] == rates[6:]
    assert rates[0] > rates[1] > rates[2]


def test_losses_of_other_tasks_are_not_logged(built):
    losses = fit(built(), log_every_n_steps=1).losses
    for step, keys in enumerate(losses):
        (task,) = STAGES[step // 2]
        assert keys == {f"training_step.train/{name}loss" for name in ("", f"{task}/")}


def test_frozen_experts_stay_and_memories_grow_only_when_due(built):
    module = built("model.adapter.statistics_every_n_steps=2", "model.adapter.tau=0.3")
    watch = fit(module, steps=9)
    prefix = "network.encoder.blocks.1.adapters.fc1."
    counts = [state[f"{prefix}memory.counts_2"].tolist() for state in watch.states]
    tokens = counts[1][0]
    assert [count[0] // tokens for count in counts] == [0, 1, 1, 2, 3, 3, 4, 5, 5, 6]
    frozen_TE = watch.states[5][f"{prefix}memory.frozen_TE"] > 0.5
    assert 0 < frozen_TE[1].sum() < 8
    assert not frozen_TE[[0, 2]].any()
    for name, axis in (("down_RD", 0), ("up_OP", 1)):
        before, after = (watch.states[n][prefix + name].unflatten(axis, (8, 8)) for n in (4, 5))
        same_E = (before == after).movedim(axis, 0).flatten(1).all(1)
        assert same_E.tolist() == frozen_TE[1].tolist()


def test_looking_at_inputs_changes_nothing_but_the_memories(built):
    """In a first stage nothing depends on them, though activations are recomputed."""
    states = []
    for every in (1, 50):
        module = built(
            f"model.adapter.statistics_every_n_steps={every}",
            "model.encoder.activation_checkpointing=true",
            "model.adapter.dropout=0",
            stages="[[semseg,normals],[edge]]",
        )
        module.plan = StagePlan(["semseg", "normals", "edge"], module.stages, 2)
        states.append(fit(module, steps=4).states[2])
    different = changed(*states)
    assert different
    assert all(".memory." in name for name in different)


def test_it_runs_in_16_bits_with_recomputed_activations(built):
    module = built("model.encoder.activation_checkpointing=true")
    watch = fit(module, steps=3, precision="bf16-mixed")
    memory = module.network.encoder.adapters()[0].memory
    assert memory.covariance_DD.dtype == torch.float32
    assert all(value.isfinite().all() for value in watch.states[-1].values())


def shifted(states, begin, end, covariance):
    """tr(dW C dW^T) of all routers and experts between two steps, C of the past."""
    total = 0.0
    for name, value in states[begin].items():
        if name.endswith(("down_RD", "router_ED")):
            change_XD = states[end][name] - value
            C_DD = covariance[f"{name.rpartition('.')[0]}.memory.covariance_DD"]
            total += float(torch.einsum("xd,de,xe->", change_XD, C_DD, change_XD))
    return total


def test_the_protection_lessens_what_a_later_stage_changes_for_earlier_inputs(built):
    """With plain gradient descent, whose steps are as long: experts of the network, end to end."""
    degradations = []
    for mu in (0.05, 1e6):
        module = built(
            "optimizer=sgd",
            "training.optimizer.lr=0.05",
            "training.optimizer.momentum=0",
            "training.optimizer.weight_decay=0",
            f"model.adapter.mu={mu}",
            f"model.adapter.router_floor={0.0 if mu < 1 else 1.0}",
            "model.adapter.tau=-1",
            "model.adapter.delta=0.99",
            "model.adapter.dropout=0",
            stages="[[semseg,normals],[edge]]",
        )
        watch = fit(module, steps=8)
        degradations.append(shifted(watch.states, 4, 8, watch.states[4]))
    assert degradations[0] < 0.5 * degradations[1]


def test_a_resumed_training_has_the_same_number_of_steps(built):
    module = built()
    module.planned_steps = 5
    with pytest.raises(UserError, match=r"stages divide 5 steps, but now there are 6"):
        fit(module)


def test_a_stage_without_a_weight_is_refused(built):
    with pytest.raises(InstantiationException, match="all tasks have weight 0"):
        built("tasks.normals.weight=0")


def test_other_adapters_train_in_stages_too(built):
    watch = fit(built("model/adapter=mtl_lora", "training.optimizer.lr=1e-2"))
    name = next(
        name
        for name in watch.states[0]
        if name.endswith("core_TRR") or ("_T" in name and "adapters" in name)
    )
    for step, (before, after) in enumerate(zip(watch.states, watch.states[1:], strict=False)):
        moved = (before[name] != after[name]).flatten(1).any(1).tolist()
        assert not any(value for row, value in enumerate(moved) if row != step // 2)
