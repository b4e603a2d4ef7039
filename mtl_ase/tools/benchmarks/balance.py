"""Benchmark of balancing rules: a training step with one, over a step with fixed weights.

Legend: T tasks, B images, C channels, H W pixels.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, cast

import lightning.pytorch as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from mtl_ase.balance import FixedWeights, GradientRule
from mtl_ase.build import build_module, build_network, build_tasks, forget_weights
from mtl_ase.config import CONFIGS
from mtl_ase.machine.cpu_speed import prepare_device
from mtl_ase.model.network import resized
from mtl_ase.tasks import Task
from mtl_ase.tools.benchmarks.interleaved import interleave
from mtl_ase.training import MultiTaskModule
from mtl_ase.training.task_gradients import TaskGradients

ROUNDS = 12
RULES = ("nash_mtl", "pcgrad", "upgrad")
LEARNING_RATE, CLIP = 1e-5, 1.0


def benchmark_balance(config: DictConfig) -> dict[str, Any]:
    """Whole training steps, timed alternately: forward, backward, rule, clipping, AdamW.

    "fixed" is the plain step. A rule's name alone is ours, from one backward pass; "RULE, T passes"
    is the same rule on a Jacobian from a backward pass for every task, LibMTL's way; "pcgrad,
    torchjd" is TorchJD's `mtl_backward` with its PCGrad, if it is installed. The images, labels and
    weights are random; the regularisers are those of the config, but TorchJD has none.

    Args:
        config: the whole config; its `model` node is changed.

    Returns:
        Medians in seconds, the same over "fixed"; `ratio` is TorchJD's step over our PCGrad's.
    """
    trainer = pl.Trainer(accelerator=config.trainer.accelerator, devices=1, logger=False)
    prepare_device(trainer)
    forget_weights(config)
    tasks = build_tasks(config)
    module = build_module(config, tasks, build_network(config, tasks))
    step = Step(module.to(trainer.strategy.root_device).train(), *_random_batch(config, tasks))
    ways: dict[str, Callable[[int], None]] = {"fixed": step.fixed}
    for name in RULES:
        rule = _rule(name, step.weights)
        ways[name] = partial(step.balanced, rule, step.in_passes)
        ways[f"{name}, T passes"] = partial(step.balanced, rule, step.slowly)
    if (torchjd := _torchjd()) is not None:
        ways["pcgrad, torchjd"] = partial(step.torchjd, *torchjd)
    timings = interleave(ways, range(ROUNDS))
    medians = {name: statistics.median(timing.seconds) for name, timing in timings.items()}
    over_fixed = {name: round(value / medians["fixed"], 3) for name, value in medians.items()}
    other = medians.get("pcgrad, torchjd", medians["pcgrad, T passes"])
    return {
        "network": config.experiment_name,
        "image_size": list(config.data.image_size),
        "images": config.data.batch_size,
        "shared_parameters": step.in_passes.num_elements,
        "rounds": ROUNDS,
        "seconds": {name: round(value, 4) for name, value in medians.items()},
        "over_fixed": over_fixed,
        "ratio": round(other / medians["pcgrad"], 2),
    }


class Step:
    """Training steps on one batch.

    Args:
        module: what is trained.
        image_BCHW: random bytes.
        labels: random labels by task.
    """

    def __init__(
        self, module: MultiTaskModule, image_BCHW: Tensor, labels: Mapping[str, Tensor]
    ) -> None:
        device = module.device
        self.module, self.network = module, module.network
        self.image_BCHW = image_BCHW.to(device)
        self.labels = {name: label.to(device) for name, label in labels.items()}
        self.weights = {name: task.weight for name, task in module.tasks.items()}
        self.sum = FixedWeights(self.weights)
        self.in_passes = TaskGradients(self.network, list(self.weights))
        self.slowly = TaskGradients(self.network, list(self.weights), in_passes=False)
        self.trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, LEARNING_RATE)

    def fixed(self, _: int) -> None:
        """With fixed weights."""
        losses_T, extra, _routing = self._losses()
        (losses_T.sum() + extra).backward()
        self._update()

    def balanced(self, rule: GradientRule, gradients: TaskGradients, _: int) -> None:
        """With a rule on gradients."""
        losses_T, extra, routing = self._losses(gradients.begin())
        gradients.add_losses(losses_T, range(len(losses_T)))
        if extra.requires_grad:
            gradients.add_regularisers(extra, routing)
        losses_T.sum().backward()
        gradients.put(rule, 1.0)
        self._update()

    def torchjd(self, autojac: Any, aggregator: nn.Module, _: int) -> None:
        """With TorchJD: the maps are its features, what is in front of them is shared."""
        maps, _routing = self.network.encoder(self.image_BCHW)
        features = list(maps[-1].unbind())
        logits, _ = self.network.decoder([features])
        named = self._task_losses(resized(logits, self.image_BCHW))
        losses = [weight * named[name] for name, weight in self.weights.items()]
        heads = self.network.decoder.of_tasks()
        shared = [p for p in self.network.encoder.parameters() if p.requires_grad]
        autojac.mtl_backward(
            losses,
            features=features,
            tasks_params=[heads[name] for name in self.weights],
            shared_params=shared,
            parallel_chunk_size=1,
        )
        autojac.jac_to_grad(shared, aggregator)
        self._update()

    def _losses(self, views: Mapping[str, Tensor] | None = None) -> tuple[Tensor, Tensor, Any]:
        logits, routing = self.network(self.image_BCHW, views)
        extra = torch.zeros(())
        for part in cast(Iterable[Any], self.module.regularisers.values()):
            extra = extra + part.weight * part(routing)
        return self.sum.weighted(self._task_losses(logits)), extra, routing

    def _task_losses(self, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
        losses = cast(Mapping[str, nn.Module], self.module.losses)
        return {name: losses[name](logits[name], self.labels[name]) for name in self.weights}

    def _update(self) -> None:
        nn.utils.clip_grad_norm_(self.trained, CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()


def _rule(name: str, weights: Mapping[str, float]) -> GradientRule:
    node = OmegaConf.load(CONFIGS / "balance" / f"{name}.yaml")
    whole = OmegaConf.create({"seed": 0, "balance": node})
    rule: GradientRule = instantiate(whole.balance)(weights=weights)
    return rule


def _random_batch(
    config: DictConfig, tasks: Mapping[str, Task]
) -> tuple[Tensor, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    size, count = tuple(config.data.image_size), int(config.data.batch_size)
    image_BCHW = torch.randint(0, 256, (count, 3, *size), generator=generator, dtype=torch.uint8)
    labels = {}
    for name, task in tasks.items():
        if task.channels == 3:
            normals_BCHW = torch.randn(count, 3, *size, generator=generator)
            labels[name] = nn.functional.normalize(normals_BCHW, dim=1)
        else:
            shape = (count, *size)
            labels[name] = torch.randint(0, max(task.channels, 2), shape, generator=generator)
            labels[name] = labels[name].to(torch.uint8)
    return image_BCHW, labels


def _torchjd() -> tuple[Any, nn.Module] | None:
    try:
        from torchjd import aggregation, autojac
    except ImportError:
        return None
    return autojac, aggregation.PCGrad()
