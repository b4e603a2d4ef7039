"""Training steps on one random batch, to be timed. Legend: T tasks, B images, C channels, H W."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, cast

import lightning.pytorch as pl
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from mtl_ase.balance import Balance, GradientRule
from mtl_ase.build import build_module, build_network, build_tasks, forget_weights
from mtl_ase.machine.cpu_speed import prepare_device
from mtl_ase.model import Routing
from mtl_ase.tasks import Task
from mtl_ase.tools.benchmarks.arithmetic import autocast, wait
from mtl_ase.training import MultiTaskModule
from mtl_ase.training.task_gradients import TaskGradients

LEARNING_RATE, CLIP = 1e-5, 1.0


class TrainingStep:
    """A whole step: forward, losses, backward, rule, clipping, AdamW.

    Weights, images and labels are random; the regularisers are those of the config.

    Args:
        config: the whole config; its `model` node is changed. It runs on its trainer's device, in
            its trainer's precision.
        trusted: prefixes of `_target_`s that are allowed besides the allow-list's.
    """

    def __init__(self, config: DictConfig, trusted: tuple[str, ...] = ()) -> None:
        device = prepared_device(config)
        forget_weights(config)
        tasks = build_tasks(config, trusted)
        module = build_module(config, tasks, build_network(config, tasks))
        self.module: MultiTaskModule = module.to(device).train()
        self.autocast = partial(autocast, device, config.trainer.precision)
        self.network = module.network
        image_BCHW, labels = random_batch(config, tasks)
        self.image_BCHW = image_BCHW.to(device)
        self.labels = {name: label.to(device) for name, label in labels.items()}
        self.weights = {name: task.weight for name, task in tasks.items()}
        self.gradients = self.module.gradients
        self.trained = [p for p in self.module.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, LEARNING_RATE)

    def run_once(self, _: int = 0) -> None:
        """A step with the module's own rule; `interleave` gives a number, which changes nothing."""
        self.run(self.module.balance)

    def run(self, rule: Balance) -> None:
        """A step with a rule, as in training."""
        if rule.uses_gradients:
            self.run_on(self.gradients, cast(GradientRule, rule))
            return
        losses, extra, _ = self._forward()
        (rule(losses) + extra).backward()
        self.update()
        if rule.looks_again:
            with torch.no_grad():
                after = self._forward()[0]
            rule.look_again(*(rule.weighted(each).detach() for each in (losses, after)))

    def run_on(self, gradients: TaskGradients, rule: GradientRule) -> None:
        """A step with a rule on gradients that are taken in this way."""
        losses, extra, routing = self._forward(gradients.begin())
        losses_T = rule.weighted(losses)
        gradients.add_losses(losses_T, range(len(losses_T)))
        if extra.requires_grad:
            gradients.add_regularisers(extra, routing)
        losses_T.sum().backward()
        gradients.put(rule, 1.0)
        self.update()

    def task_losses(self, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The losses of the batch, by task."""
        losses = cast(Mapping[str, nn.Module], self.module.losses)
        return {name: losses[name](logits[name], self.labels[name]) for name in self.weights}

    def regularisation(self, routing: list[Routing]) -> Tensor:
        """The weighted sum of the regularisers of the routers."""
        extra = self.image_BCHW.new_zeros((), dtype=torch.float32)
        if routing:
            for part in cast(Iterable[Any], self.module.regularisers.values()):
                extra = extra + part.weight * part(routing)
        return extra

    def update(self) -> None:
        """Clip the gradients, let the optimiser step, and wait for the device."""
        nn.utils.clip_grad_norm_(self.trained, CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        wait(self.image_BCHW.device)

    def _forward(
        self, views: Mapping[str, Tensor] | None = None
    ) -> tuple[dict[str, Tensor], Tensor, list[Routing]]:
        """Losses by task, the weighted sum of the regularisers, and what the routers decided."""
        with self.autocast():
            logits, routing = self.network(self.image_BCHW, views)
            return self.task_losses(logits), self.regularisation(routing), routing


def prepared_device(config: DictConfig) -> torch.device:
    """The device of a config's trainer, with the settings that a training on it has."""
    trainer = pl.Trainer(accelerator=config.trainer.accelerator, devices=1, logger=False)
    prepare_device(trainer)
    return trainer.strategy.root_device


def random_batch(config: DictConfig, tasks: Mapping[str, Task]) -> tuple[Tensor, dict[str, Tensor]]:
    """Images and labels of the config's size and number."""
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
