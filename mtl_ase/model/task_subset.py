"""The weights of a network of some tasks, cut out of those of a network of more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.base.errors import UserError


def weights_of_tasks(
    state: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    trained: Sequence[str],
    wanted: Sequence[str],
) -> dict[str, Tensor]:
    """Cut every tensor with a task axis down to the wanted tasks, and drop what is of others alone.

    The task axis of a tensor is the one whose size is the number of all tasks in the one network
    and of the wanted ones in the other. A weight that is not in `state` is left out.

    Args:
        state: weights by name, of a network of all tasks.
        own: the weights of the network of the wanted tasks; only their shapes are read.
        trained: all tasks, in the order of the task axis.
        wanted: some of them, in the order of their own task axis.

    Raises:
        UserError: a weight is not made of one part for every task.
    """
    places = torch.tensor([list(trained).index(task) for task in wanted])
    return {
        name: _cut(name, state[name], value, places, trained)
        for name, value in own.items()
        if name in state
    }


def _cut(
    name: str, value: Tensor, wanted: Tensor, places: Tensor, trained: Sequence[str]
) -> Tensor:
    if value.dim() == wanted.dim():
        axes = [axis for axis in range(value.dim()) if value.shape[axis] != wanted.shape[axis]]
        if not axes:
            return value
        if len(axes) == 1 and value.shape[axes[0]] == len(trained):
            return value.index_select(axes[0], places.to(value.device))
    raise UserError(
        f"the weights {name} have no part for every task: this network mixes its tasks, or its "
        "sizes depend on their number; leave tasks=[...] out."
    )
