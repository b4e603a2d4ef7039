"""A trained network that predicts the maps of pictures.

Legend: B images, C channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.data import Augmentation, Box, Sample, make_warp
from mtl_ase.data.image_files import EncodedImage
from mtl_ase.data.warp import Warp, fit_box
from mtl_ase.evaluation import EvalProtocol
from mtl_ase.evaluation.protocol import inside
from mtl_ase.inference.full_size import resized_and_activated
from mtl_ase.inference.pictures import AnyImage, as_picture, size_of
from mtl_ase.inference.sliding_windows import SlidingWindows
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.tasks import Picture, Task


class Model:
    """A trained network that predicts the maps of pictures of any size; see `load`.

    Args:
        network: the network; it is put into evaluation mode and computes where its weights are.
        tasks: its tasks by name.
        size_hw: (H, W) of its input.
        augmentation: says how a picture is fitted into the input, as in evaluation.
        precision: computes in this type under torch.autocast; None: without.
        activate_first: predict at the input's size, then resize, as the lineage's evaluation does;
            otherwise logits are resized, then activated, which keeps outlines smoother.

    Attributes:
        tasks: the tasks by name; `tasks[name].output` says what a map holds and draws it,
            `tasks[name].legend` names its values.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        tasks: Mapping[str, Task],
        size_hw: tuple[int, int],
        augmentation: Augmentation,
        precision: torch.dtype | None = None,
        activate_first: bool = False,
    ) -> None:
        self.precision = precision
        self.network, self.tasks = network.eval(), dict(tasks)
        self.size_hw, self.augmentation = size_hw, augmentation
        self.protocol = EvalProtocol("prediction", activate_first=activate_first)

    def predict(
        self,
        image: AnyImage,
        tasks: Sequence[str] | None = None,
        windows: SlidingWindows | None = None,
    ) -> dict[str, Tensor]:
        """The maps of one picture, at its own size (H, W).

        Class maps (semseg, human_parts) are int64 ids (H, W), named by `tasks[name].legend`;
        probabilities (saliency, edge) float32 (H, W) from 0 to 1; normals unit vectors, float32
        (3, H, W), x right, y down, z towards the viewer; depth float32 (H, W) in metres.

        Args:
            image: the path of a file; a PIL image; an array (H, W, 3) or (H, W), or a tensor
                (3, H, W), of bytes or of floats from 0 to 1. Files and PIL images are turned as
                their EXIF data say.
            tasks: the tasks to return; None: all. Tasks that are never wanted are better left out
                in `load`, which then does not compute them.
            windows: slide over the picture at a higher resolution; None: resize it to the input.

        Returns:
            The maps by task, on the CPU.

        Raises:
            BadFile: the file can't be read.
            UserError: it is no image, or the network has no such task.
        """
        return self.predict_all([image], tasks, windows)[0]

    @torch.inference_mode()
    def predict_all(
        self,
        images: Sequence[AnyImage],
        tasks: Sequence[str] | None = None,
        windows: SlidingWindows | None = None,
    ) -> list[dict[str, Tensor]]:
        """The maps of several pictures, computed in one batch; see `predict`."""
        chosen = self._chosen(tasks)
        pictures = [as_picture(image) for image in images]
        if windows is not None:
            return [self._from_windows(picture, chosen, windows) for picture in pictures]
        logits = self.logits(torch.stack([self.fitted(picture) for picture in pictures]))
        return [
            self.maps(
                {name: logits[name][index : index + 1] for name in chosen},
                fit_box(size_of(picture), self.size_hw, self.augmentation.fit),
                {name: size_of(picture) for name in chosen},
            )
            for index, picture in enumerate(pictures)
        ]

    @torch.inference_mode()
    def predict_sample(self, sample: Sample) -> dict[str, Tensor]:
        """The maps of a data set's sample, each at its label's size, on the CPU."""
        logits = self.logits(sample.image_CHW[None])
        sizes_hw = {
            name: (label.shape[-2], label.shape[-1]) for name, label in sample.labels.items()
        }
        return self.maps({name: logits[name] for name in self.tasks}, sample.box, sizes_hw)

    def fitted(self, picture: EncodedImage | Picture) -> Tensor:
        """The network's input for a picture, image_CHW of bytes, as in evaluation."""
        return _warped(picture, self.augmentation.plain(size_of(picture), self.size_hw))

    def logits(self, image_BCHW: Tensor) -> dict[str, Tensor]:
        """Logits_BCHW by task of images of the input size (bytes), at that size."""
        device = next(self.network.parameters()).device
        with torch.autocast(device.type, self.precision, enabled=self.precision is not None):
            result: dict[str, Tensor] = self.network(image_BCHW.to(device)).logits
        return result

    def maps(
        self,
        logits: Mapping[str, Tensor],
        box: Box,
        sizes_hw: Mapping[str, tuple[int, int]],
    ) -> dict[str, Tensor]:
        """The maps of one image, on the CPU.

        Args:
            logits: logits_1CHW by task, at the input's size.
            box: the part of the input that the image fills.
            sizes_hw: (H, W) of the maps, by task.
        """
        return {
            name: resized_and_activated(
                self.protocol, self.tasks[name], inside(value.cpu(), box), sizes_hw[name]
            )
            for name, value in logits.items()
        }

    def _from_windows(
        self, picture: EncodedImage | Picture, chosen: Sequence[str], windows: SlidingWindows
    ) -> dict[str, Tensor]:
        size_hw = size_of(picture)
        scaled_hw = windows.scaled_size(size_hw, self.size_hw)
        image_CHW = _warped(picture, make_warp(size_hw, scaled_hw, fit="squash"))

        def compute(image_NCHW: Tensor) -> dict[str, Tensor]:
            logits = self.logits(image_NCHW)
            return {name: logits[name] for name in chosen}

        logits = windows.logits(compute, image_CHW, self.size_hw)
        maps = {}
        for name in chosen:  # one after another: at full size logits are large
            logits_1CHW = logits.pop(name)[None]
            maps[name] = resized_and_activated(
                self.protocol, self.tasks[name], logits_1CHW, size_hw
            )
        return maps

    def _chosen(self, tasks: Sequence[str] | None) -> list[str]:
        """The tasks to predict.

        Raises:
            UserError: the network has no such task.
        """
        if tasks is None:
            return list(self.tasks)
        for name in tasks:
            if name not in self.tasks:
                raise UserError(
                    f"the network has no task {name!r}; choose of {', '.join(self.tasks)}."
                )
        return list(tasks)


def _warped(picture: EncodedImage | Picture, warp: Warp) -> Tensor:
    """A picture as image_CHW of bytes, warped."""
    if isinstance(picture, EncodedImage):
        image_HWC = warp.apply_to_encoded(picture)
    else:
        image_HWC = warp.apply_to_image(picture)
    return torch.from_numpy(image_HWC.transpose(2, 0, 1).copy())
