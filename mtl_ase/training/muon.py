"""The Muon optimiser, in the precision of the training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from timm.optim import muon as timm_muon
from torch import Tensor


class Muon(timm_muon.Muon):
    """Muon for matrices, NAdamW or AdamW for the rest, as timm has it.

    timm orthogonalises in bfloat16 on every machine. A CPU without bfloat16 units emulates that,
    and takes longer for it than for all else in a step. Here it is in 32 bits, unless the training
    is in bfloat16.

    Args:
        params: parameters or groups of them.
        lr: learning rate; an update has the root mean square of one of AdamW (arXiv 2502.16982).
        weight_decay: decoupled from the gradient.
        momentum: of the gradient's mean.
        nesterov: Nesterov's momentum.
        fallback_lr_scale: factor on the learning rate of what is no matrix.
        precision: Lightning's name of the training's, e.g. "32-true" or "bf16-mixed".
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float,
        weight_decay: float = 0.01,
        momentum: float = 0.95,
        nesterov: bool = True,
        fallback_lr_scale: float = 1.0,
        precision: str = "32-true",
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            fallback_lr_scale=fallback_lr_scale,
        )
        self.dtype = torch.bfloat16 if str(precision).startswith("bf16") else torch.float32

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters from their gradients; the closure's value, if there is one."""
        with _orthogonalising_in(self.dtype):
            return super().step(closure)


@contextmanager
def _orthogonalising_in(dtype: torch.dtype) -> Iterator[None]:
    """The Newton-Schulz iteration of timm takes a dtype, which its optimiser can't be told."""
    own = timm_muon.zeropower_via_newtonschulz
    timm_muon.zeropower_via_newtonschulz = partial(own, dtype=dtype)
    try:
        yield
    finally:
        timm_muon.zeropower_via_newtonschulz = own
