"""Base class of the task losses: normalisation over one or several batches."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32


class CountedLoss(nn.Module, ABC):
    """A sum over the labelled pixels, divided by their number.

    Sums and numbers are additive over batches, so the loss of a concatenated batch is the sum over
    its parts: with n = counts(a) + counts(b), L(cat(a, b)) = L(a, n) + L(b, n). Thus gradient
    accumulation and data-parallel training give exactly the gradient of the large batch. A loss of
    your own may be any nn.Module of (logits, label); if it also has a method `counts`, it is
    normalised in the same way.
    """

    @abstractmethod
    def counts(self, label: Tensor) -> Tensor:
        """The int64 counts_K that normalise a batch's loss; additive over batches.

        Args:
            label: label of the batch, as in `forward`; on any device.
        """

    @abstractmethod
    def forward(self, logits: Tensor, label: Tensor, counts: Tensor | None = None) -> Tensor:
        """The loss of a batch as a scalar.

        Args:
            logits: logits_BCHW of the network.
            label: label of the same images.
            counts: counts_K to normalise by, on the device of the logits; None: `counts(label)`.
        """


def only_channel(logits_BCHW: Tensor, loss: str) -> Tensor:
    """The logits_BHW of a task with one channel, in float32 at least.

    Args:
        logits_BCHW: of the network.
        loss: name of the loss, for the message.

    Raises:
        UserError: the logits have not exactly one channel.
    """
    if logits_BCHW.shape[1] != 1:
        raise UserError(
            f"{loss}: the logits have {logits_BCHW.shape[1]} channels; set the task's "
            "channels to 1."
        )
    return at_least_float32(logits_BCHW[:, 0])
