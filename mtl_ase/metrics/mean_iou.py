"""Mean intersection over union of class maps. Shapes: C classes, H W pixels, K = C C counts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.base.bounds import Positive
from mtl_ase.base.errors import UserError
from mtl_ase.metrics.counting import CountingMetric


class MeanIoU(CountingMetric):
    """Mean over the classes of IoU = TP / (TP + FP + FN), in percent, counted over all images.

    Source: PASCAL VOC, as M3ViT scores semseg (21 classes) and human parts (7), background
    included. Our decision: a class that occurs neither in the labels nor in the predictions is left
    out of the mean, since its IoU is 0 / 0; one that is predicted but never labelled has IoU 0.
    Counts: the confusion matrix, one row per true class.
    """

    higher_is_better = True

    def __init__(self, num_classes: Positive, ignore_index: int = 255) -> None:
        """Count `num_classes` classes at the pixels whose label is not `ignore_index`."""
        super().__init__(num_classes**2)
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def count(self, prediction_HW: Tensor, label_HW: Tensor) -> Tensor:
        """The confusion matrix of one image, given predicted and true class ids.

        Raises:
            UserError: a class id is `num_classes` or more.
        """
        valid_HW = label_HW != self.ignore_index
        true, predicted = label_HW[valid_HW].long(), prediction_HW[valid_HW].long()
        for source, classes in (("a label", true), ("a prediction", predicted)):
            if classes.numel() and int(classes.max()) >= self.num_classes:
                raise UserError(
                    f"MeanIoU: {source} holds class {int(classes.max())} of only "
                    f"{self.num_classes} classes; set num_classes or map the classes."
                )
        pair = true * self.num_classes + predicted
        return torch.bincount(pair, minlength=self.num_classes**2)

    def confusion(self, counts_K: Tensor) -> Tensor:
        """The confusion matrix, (..., C true, C predicted)."""
        return counts_K.view(*counts_K.shape[:-1], self.num_classes, self.num_classes)

    def per_class(self, counts_K: Tensor) -> Tensor:
        """IoU of each class in percent, (..., C); NaN where it is 0 / 0."""
        confusion_CC = self.confusion(counts_K)
        hit_C = confusion_CC.diagonal(dim1=-2, dim2=-1)
        union_C = confusion_CC.sum(dim=-2) + confusion_CC.sum(dim=-1) - hit_C
        return 100 * hit_C.double() / union_C

    def score(self, counts_K: Tensor) -> Tensor:
        """The mean over the classes that occur; NaN when no labelled pixel was seen."""
        return self.per_class(counts_K).nanmean(dim=-1)
