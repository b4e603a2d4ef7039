"""What is used by tasks of other stages alone stays as it is. Legend: T tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from mtl_ase.data import Batch
from mtl_ase.model import MultiTaskNetwork, Routing
from mtl_ase.training.stages import Stage

Kept = Sequence[tuple[Tensor, Tensor]]
"""Weights, and masks that are True where they are to stay."""


def kept_weights(network: MultiTaskNetwork, stage: Stage) -> Kept:
    """What no task of the stage uses: other tasks' parameters, and their rows on the task axis."""
    kept = []
    for part in (network.encoder, network.decoder):
        for task, parameters in part.of_tasks().items():
            if task not in stage.tasks:
                kept += [(weight, torch.ones_like(weight).bool()) for weight in parameters]
        for weight in part.private():
            other_T = torch.ones(len(weight), dtype=torch.bool, device=weight.device)
            other_T[list(stage.rows)] = False
            kept.append((weight, other_T.reshape(-1, *[1] * (weight.ndim - 1))))
    return kept


@contextmanager
def unchanged(kept: Kept) -> Iterator[None]:
    """Whatever the optimiser does, by weight decay or momentum, these weights stay."""
    before = [weight.detach().clone() for weight, _ in kept]
    yield
    with torch.no_grad():
        for (weight, mask), value in zip(kept, before, strict=True):
            weight.copy_(torch.where(mask, value, weight))


def rest_norms(network: MultiTaskNetwork, stage: Stage) -> None:
    """Put other tasks' layers into evaluation mode, so that their batch norms learn nothing."""
    parts = (network.encoder.of_tasks(), network.decoder.of_tasks())
    owners = {id(p): task for part in parts for task, owned in part.items() for p in owned}
    for module in network.modules():
        tasks = {owners.get(id(parameter)) for parameter in module.parameters(recurse=False)}
        if tasks and None not in tasks:
            module.training = not tasks.isdisjoint(stage.tasks)


def labelled_for(batch: Batch, stage: Stage) -> Batch:
    """The batch with the label counts of the stage's tasks only: others are not normalised by."""
    counts = {task: count for task, count in batch.counts.items() if task in stage.tasks}
    return batch._replace(counts=counts)


def routed_for(routing: Sequence[Routing], stage: Stage, num_tasks: int) -> list[Routing]:
    """The decisions for the stage's tasks; routers that see no task have one decision for all."""
    rows = list(stage.rows)
    return [
        router._replace(logits_TBLE=router.logits_TBLE[rows], gate_TBLE=router.gate_TBLE[rows])
        if len(router.logits_TBLE) == num_tasks
        else router
        for router in routing
    ]
