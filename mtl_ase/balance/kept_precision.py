"""Buffers that keep their precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn


class KeptPrecision(nn.Module):
    """A module whose buffers are not cast to fewer bits, as `trainer.precision=bf16-true` does.

    Running means and counts would lose what is added to them.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, value in before.items():
            moved = self._buffers[name]
            if value is None or moved is None:
                continue
            if torch.promote_types(value.dtype, moved.dtype) != moved.dtype:
                self._buffers[name] = value.to(moved.device)
        return self
