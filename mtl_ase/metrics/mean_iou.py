"""Mean intersection over union of class maps. Shapes: C classes, H W pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from mtl_ase.errors import UserError


class MeanIoU(Metric):
    """Mean over the classes of IoU = TP / (TP + FP + FN), in percent, counted over all images.

    Source: PASCAL VOC, as M3ViT scores semseg (21 classes) and human parts (7), background
    included. Our decision: a class that occurs neither in the labels nor in the predictions is left
    out of the mean, since its IoU is 0 / 0.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    confusion_CC: Tensor

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        """Count `num_classes` classes at the pixels whose label is not `ignore_index`."""
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        zeros_CC = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion_CC", zeros_CC, dist_reduce_fx="sum")

    def update(self, prediction_HW: Tensor, label_HW: Tensor) -> None:
        """Add one image, given the predicted and the true class numbers.

        Raises:
            UserError: the label holds a class beyond `num_classes`.
        """
        valid_HW = label_HW != self.ignore_index
        pair = label_HW[valid_HW].long() * self.num_classes + prediction_HW[valid_HW].long()
        counts = torch.bincount(pair, minlength=self.num_classes**2)
        if counts.numel() > self.num_classes**2:
            raise UserError(
                f"MeanIoU: a label holds class {int(label_HW[valid_HW].max())} of only "
                f"{self.num_classes} classes; set num_classes or map the labels."
            )
        self.confusion_CC += counts.view(self.num_classes, self.num_classes)

    def per_class(self) -> Tensor:
        """IoU of each class in percent, NaN where it is 0 / 0; of this process's images only."""
        hit_C = self.confusion_CC.diagonal()
        union_C = self.confusion_CC.sum(dim=0) + self.confusion_CC.sum(dim=1) - hit_C
        return 100 * hit_C.double() / union_C

    def compute(self) -> Tensor:
        """The mean over the classes that occur; NaN when no labelled pixel was seen."""
        return self.per_class().nanmean()
