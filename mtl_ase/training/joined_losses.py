"""Task losses normalised over all batches of an optimiser step, accumulated and on all processes.

Legend: K counts that a loss is normalised by.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, distributed, nn

from mtl_ase.data import Batch
from mtl_ase.launch.world import num_processes


def task_losses(
    losses: Mapping[str, nn.Module], logits: Mapping[str, Tensor], batch: Batch
) -> dict[str, Tensor]:
    """Every task's loss of a batch; its mean over a step's batches equals the large batch's loss.

    A step's batches are those of the accumulation window on all processes. The sum over a batch's
    labelled pixels is divided by the mean number of labelled pixels of these batches, so batches
    weigh by their number of labelled pixels. A loss without `counts` is normalised per batch.
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
    """The counts summed over all processes, without synchronising with the device."""
    if not counts or num_processes() == 1:
        return dict(counts)
    joined_K = torch.cat(list(counts.values()))
    distributed.all_reduce(joined_K)
    parts = joined_K.split([len(counts_K) for counts_K in counts.values()])
    return dict(zip(counts, parts, strict=True))


def no_cost(module: nn.Module) -> Tensor:
    """A loss of 0 for a skipped batch, with zero gradients for all parameters.

    Without these gradients, DDP's all-reduce would hang.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return torch.stack([(parameter * 0).sum().float() for parameter in trained]).sum()
