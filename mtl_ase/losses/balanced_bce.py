"""Class-balanced binary cross-entropy. Shapes: B images, C = 1 channel, H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from mtl_ase.base.errors import UserError
from mtl_ase.losses.counted_loss import CountedLoss, only_channel


class BalancedBCE(CountedLoss):
    """Binary cross-entropy that weighs positives by w and negatives by 1 - w.

    L = - (w sum_pos log s(z) + (1-w) sum_neg log s(-z)) / max(1, number of valid pixels), with s
    the sigmoid and z the logits; in float32 at least. Source: HED (arXiv 1504.06375, equation 2),
    as M3ViT uses it for edges (w = 0.95) and saliency (w of the batch). Our deviation: pixels may
    be ignored, and the loss of a batch without a labelled pixel is exactly 0.
    """

    def __init__(self, pos_weight: float | None, ignore_index: int = 255) -> None:
        """Set a fixed weight, or compute it from each batch.

        Args:
            pos_weight: w in [0, 1]; None: negatives / valid pixels of the batch, or of all batches
                in `counts_K`.
            ignore_index: label value of ignored pixels.

        Raises:
            UserError: `pos_weight` is outside [0, 1].
        """
        super().__init__()
        if pos_weight is not None and not 0 <= pos_weight <= 1:
            raise UserError(
                f"BalancedBCE: pos_weight is {pos_weight}; give a share between 0 and 1, or null "
                "for the weight of each batch."
            )
        self.pos_weight = pos_weight
        self.ignore_index = ignore_index

    def counts(self, label_BHW: Tensor) -> Tensor:
        """The numbers of valid and of negative pixels, K = 2."""
        valid_BHW = label_BHW != self.ignore_index
        return torch.stack([valid_BHW.sum(), (valid_BHW & (label_BHW != 1)).sum()])

    def forward(
        self, logits_BCHW: Tensor, label_BHW: Tensor, counts_K: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch as a scalar; `label_BHW` is 0, 1 or `ignore_index`.

        Raises:
            UserError: the logits have not exactly one channel.
        """
        logits_BHW = only_channel(logits_BCHW, "BalancedBCE")
        positive_BHW = label_BHW == 1
        valid_BHW = label_BHW != self.ignore_index
        counts_K = self.counts(label_BHW) if counts_K is None else counts_K
        valid_count, negative_count = counts_K[0].clamp(min=1), counts_K[1]
        weight = negative_count / valid_count if self.pos_weight is None else self.pos_weight
        cost_BHW = torch.where(
            positive_BHW, -weight * logsigmoid(logits_BHW), (weight - 1) * logsigmoid(-logits_BHW)
        )
        return torch.where(valid_BHW, cost_BHW, 0.0).sum() / valid_count
