"""Cross-entropy of class maps. Shapes: B images, C classes, H W pixels."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from mtl_ase.base.numerics import at_least_float32
from mtl_ase.losses.counted_loss import CountedLoss


class CrossEntropy(CountedLoss):
    """Mean cross-entropy over the labelled pixels of a batch.

    L = - sum_valid log softmax(logits)[label] / max(1, number of valid pixels), in float32 at
    least. Source: the losses of semseg and human parts in M3ViT. Our deviation: the loss of a batch
    without a labelled pixel is exactly 0 (there 0 / 0 = NaN), with zero gradients on the logits.
    """

    def __init__(self, ignore_index: int = 255) -> None:
        """Ignore pixels whose label is `ignore_index`."""
        super().__init__()
        self.ignore_index = ignore_index

    def counts(self, label_BHW: Tensor) -> Tensor:
        """The number of valid pixels, K = 1."""
        return (label_BHW != self.ignore_index).sum()[None]

    def forward(
        self, logits_BCHW: Tensor, label_BHW: Tensor, counts_K: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch as a scalar; `label_BHW` are class ids of any integer type."""
        (valid_count,) = (self.counts(label_BHW) if counts_K is None else counts_K).clamp(min=1)
        total = cross_entropy(
            at_least_float32(logits_BCHW),
            label_BHW.long(),
            ignore_index=self.ignore_index,
            reduction="sum",
        )
        return total / valid_count
