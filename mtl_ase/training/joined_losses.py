"""Losses of batches that make one step together: accumulated, and of several processes.

Legend: K numbers that a loss is normalised by.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, distributed, nn

from mtl_ase.data import Batch


def num_processes() -> int:
    """How many train together."""
    started = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if started else 1


def task_losses(
    losses: nn.ModuleDict, logits: Mapping[str, Tensor], batch: Batch
) -> dict[str, Tensor]:
    """Every task's loss of a batch; the mean over the batches of a step is the joined batch's.

    The costs of the labelled pixels are divided by the mean of their number over the batches that
    make the step: those of the window in all processes. So a batch with more labelled pixels weighs
    more, and where all are unlabelled but one, that one alone counts. A loss without counts is the
    batch's own.
    """
    counts = all_counts(batch.counts)
    batches = batch.window.batches * num_processes()
    return {
        name: loss(logits[name], batch.labels[name], counts[name]) * batches
        if name in counts
        else loss(logits[name], batch.labels[name])
        for name, loss in losses.items()
    }


def all_counts(counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The sum over all processes; the device is not waited for."""
    if not counts or num_processes() == 1:
        return dict(counts)
    joined_K = torch.cat(list(counts.values()))
    distributed.all_reduce(joined_K)
    parts = joined_K.split([len(counts_K) for counts_K in counts.values()])
    return dict(zip(counts, parts, strict=True))


def no_cost(module: nn.Module) -> Tensor:
    """A loss of 0 for a batch that is left out; all its gradients are 0, but they are there.

    Without them the sum over processes would wait for ever.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return torch.stack([(parameter * 0).sum().float() for parameter in trained]).sum()
