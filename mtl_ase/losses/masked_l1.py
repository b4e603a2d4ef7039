"""L1 loss of a map of numbers. Shapes: B images, C = 1 channel, H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32


class MaskedL1(nn.Module):
    """Mean absolute error over the labelled pixels; a label of 0 or less is none.

    Source: the depth loss of ASTMT and InvPT. A batch without a labelled pixel costs exactly 0.
    In float32 at least.
    """

    def forward(self, logits_BCHW: Tensor, label_BHW: Tensor) -> Tensor:
        """The loss of a batch as a scalar.

        Raises:
            UserError: the logits have not exactly one channel.
        """
        if logits_BCHW.shape[1] != 1:
            raise UserError(
                f"MaskedL1: the logits have {logits_BCHW.shape[1]} channels; set the task's "
                "channels to 1."
            )
        valid_BHW = label_BHW > 0
        error_BHW = (at_least_float32(logits_BCHW[:, 0]) - label_BHW).abs()
        return torch.where(valid_BHW, error_BHW, 0.0).sum() / valid_BHW.sum().clamp(min=1)
