"""What the task losses share: how they are normalised, also over several batches."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class CountedLoss(nn.Module, ABC):
    """A sum of costs over the labelled pixels, divided by their number.

    Both the sums and the numbers add up over batches, so the loss of a joined batch is a sum over
    its parts: with n = counts(a) + counts(b), L(a and b joined) = L(a, n) + L(b, n). In this way
    batches whose gradients make one step together, in gradient accumulation or in several
    processes, give the gradient of the joined batch. A loss of your own may be any nn.Module of
    (logits, label); if it has a method `counts` too, it is normalised like these.
    """

    @abstractmethod
    def counts(self, label: Tensor) -> Tensor:
        """By what a batch's loss is normalised: whole numbers_K (int64) that add up over batches.

        Args:
            label: stacked, as the loss takes it; on any device.
        """

    @abstractmethod
    def forward(self, logits: Tensor, label: Tensor, counts: Tensor | None = None) -> Tensor:
        """The loss of a batch as a scalar.

        Args:
            logits: of the network, logits_BCHW.
            label: of the same images.
            counts: numbers_K to normalise by, on the device of the logits; None: `counts(label)`.
        """
