"""L1 loss of surface normals. Shapes: B images, C = 3 components, H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.losses.counted_loss import CountedLoss

SHORTEST = 1e-6
"""Predictions much shorter than this are not normalised to unit length, to bound the gradient."""


class UnitL1(CountedLoss):
    """Mean absolute difference between the predicted direction and the unit normal.

    L = sum_valid |p / |p| - g| / max(1, number of valid elements), in float32 at least; an element
    is one component of one pixel, valid where the label's norm exceeds 0.5 (zero vectors mean
    ignore).
    Source: the normals loss of M3ViT. Our deviation: |p| is taken as
    sqrt(|p|^2 + 1e-12), so that the gradient is at most 1e6 (1e12 there) as |p| approaches 0.
    """

    def counts(self, label_BCHW: Tensor) -> Tensor:
        """The number of valid elements, K = 1."""
        return (_is_valid(label_BCHW).sum() * label_BCHW.shape[1])[None]

    def forward(
        self, logits_BCHW: Tensor, label_BCHW: Tensor, counts_K: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch as a scalar; `label_BCHW` are unit or zero vectors.

        Raises:
            UserError: the number of logit channels differs from the label's components.
        """
        if logits_BCHW.shape[1] != label_BCHW.shape[1]:
            raise UserError(
                f"UnitL1: the logits have {logits_BCHW.shape[1]} channels, but the labels are "
                f"vectors of {label_BCHW.shape[1]}; set the task's channels to that."
            )
        (valid_count,) = (self.counts(label_BCHW) if counts_K is None else counts_K).clamp(min=1)
        prediction_BCHW = at_least_float32(logits_BCHW)
        squared_B1HW = prediction_BCHW.square().sum(dim=1, keepdim=True)
        unit_BCHW = prediction_BCHW * torch.rsqrt(squared_B1HW + SHORTEST**2)
        error_BCHW = (unit_BCHW - label_BCHW.to(prediction_BCHW)).abs()
        return torch.where(_is_valid(label_BCHW), error_BCHW, 0.0).sum() / valid_count


def _is_valid(label_BCHW: Tensor) -> Tensor:
    """The mask valid_B1HW of labelled pixels, from norms in float32."""
    return label_BCHW.float().square().sum(dim=1, keepdim=True) > 0.5**2
