"""L1 loss of a scalar map such as depth. Shapes: B images, C = 1 channel, H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.losses.counted_loss import CountedLoss, only_channel


class MaskedL1(CountedLoss):
    """Mean absolute error over the labelled pixels, those with a label > 0; in float32 at least.

    Source: the depth loss of ASTMT and InvPT. The loss of a batch without a labelled pixel is
    exactly 0.
    """

    def counts(self, label_BHW: Tensor) -> Tensor:
        """The number of labelled pixels, K = 1."""
        return (label_BHW > 0).sum()[None]

    def forward(
        self, logits_BCHW: Tensor, label_BHW: Tensor, counts_K: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch as a scalar.

        Raises:
            UserError: the logits have not exactly one channel.
        """
        prediction_BHW = only_channel(logits_BCHW, "MaskedL1")
        (valid_count,) = (self.counts(label_BHW) if counts_K is None else counts_K).clamp(min=1)
        error_BHW = (prediction_BHW - label_BHW.to(prediction_BHW)).abs()
        return torch.where(label_BHW > 0, error_BHW, 0.0).sum() / valid_count
