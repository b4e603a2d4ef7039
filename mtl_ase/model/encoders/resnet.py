"""A ResNet-18 of output stride 8. Legend: B images, C channels, D width, H W pixels or cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from timm.models import load_state_dict
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights  # type: ignore[import-untyped]
from torchvision.models.resnet import BasicBlock, ResNet  # type: ignore[import-untyped]

from mtl_ase.base.errors import UserError
from mtl_ase.model.encoders.pretrained import find_weights
from mtl_ase.model.matching_weights import COUNTER, load_matching

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's training images, in 0..1."""
WIDTH = 64
"""Channels of ResNet-18's stem."""
STRIDE = 8


class DilatedResNet18(ResNet):  # type: ignore[misc]  # torchvision is untyped
    """torchvision's ResNet-18 without classifier, its last two strides replaced by dilation.

    layer3 and layer4 keep the resolution: their 3x3 convolutions have dilation 2 and 4, the one
    that had stride 2 dilation 1 and 2. Every fourth cell of the map is one of the original's, with
    the same value. Source: DRN, arXiv 1705.09914, and the ResNet baselines of arXiv 2004.13379.

    Images come as bytes or floats in 0..255 and are normalised here, by ImageNet's mean and
    standard deviation. Weights have torchvision's names.

    Args:
        pretrained: load torchvision's published weights (downloaded on first use).
        weights: a local checkpoint instead, .safetensors or PyTorch's; a classifier in it is
            ignored.
        width: channels of the stem and of layer1; layer2 to layer4 have 2, 4 and 8 times as many.
            ResNet-18 has 64; less makes small networks for small images.

    Attributes:
        source: where the weights were read from; None if they are random.
        widths: D after the stem and after every layer.

    Raises:
        UserError: weights that can't be downloaded, read, or don't match.
    """

    def __init__(
        self, pretrained: bool = False, weights: str | None = None, width: int = WIDTH
    ) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        del self.avgpool, self.fc
        if width != WIDTH:
            self._narrow(width)
        self.widths = (width, width, 2 * width, 4 * width, 8 * width)
        dilate(self.layer3, 2)
        dilate(self.layer4, 4)
        self.mean_C11: Tensor
        self.std_C11: Tensor
        for name, value in (("mean", MEAN), ("std", STD)):
            value_C = 255 * torch.tensor(value)
            self.register_buffer(f"{name}_C11", value_C[:, None, None], persistent=False)
        download = pretrained and weights is None
        if download:
            load_published(self)
        if weights is not None:
            load_file(self, weights)
        self.source = "torchvision resnet18" if download else weights

    def forward(self, x: Tensor) -> Tensor:
        """The last stage's map_BDHW of images_BCHW."""
        for stage in self.stages():
            x = stage(x)
        return x

    def stages(self) -> Sequence[Callable[[Tensor], Tensor]]:
        """The stem, which takes images, and layer1 to layer4."""
        return [self.stem, self.layer1, self.layer2, self.layer3, self.layer4]

    def stem(self, image_BCHW: Tensor) -> Tensor:
        """Normalise the images, convolve, pool: map_BDHW of stride 4."""
        x_BCHW = (image_BCHW.float() - self.mean_C11) / self.std_C11
        x_BCHW = x_BCHW.to(self.conv1.weight.dtype)  # 16-bit with the trainer's "*-true" precisions
        map_BDHW: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(x_BCHW))))
        return map_BDHW

    def _narrow(self, width: int) -> None:
        """Replace all layers by those of another width."""
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._make_layer(BasicBlock, width, 2)
        self.layer2 = self._make_layer(BasicBlock, 2 * width, 2, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 4 * width, 2, stride=2)
        self.layer4 = self._make_layer(BasicBlock, 8 * width, 2, stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # as ResNet does
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def parameters_by_layer(self) -> dict[str, list[nn.Parameter]]:
        """The parameters of the stem and of layer1 to layer4."""
        stem = [*self.conv1.parameters(), *self.bn1.parameters()]
        layers = [self.layer1, self.layer2, self.layer3, self.layer4]
        named = {f"layer{number}": list(part.parameters()) for number, part in enumerate(layers, 1)}
        return {"stem": stem, **named}

    def backbone_state(self) -> dict[str, Tensor]:
        """Weights and batch norms' statistics, as `weights` takes them."""
        state: dict[str, Tensor] = self.state_dict()
        return {name: value for name, value in state.items() if not name.endswith(COUNTER)}


def dilate(layer: nn.Module, dilation: int) -> None:
    """Give up a layer's stride of 2; its 3x3 convolutions see the same cells by dilation.

    Args:
        layer: a layer of a ResNet with stride 2.
        dilation: of the convolutions after the stride; the one that had it gets half of that.
    """
    for conv in layer.modules():
        if isinstance(conv, nn.Conv2d):
            cells = dilation // 2 if conv.stride == (2, 2) else dilation
            conv.stride = (1, 1)
            if conv.kernel_size == (3, 3):
                conv.dilation = conv.padding = (cells, cells)


def load_published(trunk: DilatedResNet18) -> None:
    """Load torchvision's published weights.

    Raises:
        UserError: they can't be downloaded.
    """
    published = ResNet18_Weights.IMAGENET1K_V1
    try:
        state = published.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: another hash than published
        raise UserError(
            f"model.encoder: the published weights of ResNet-18 ({published.url}) could not be "
            "downloaded; give a local file with model.encoder.weights=FILE or start from random "
            "weights with model.encoder.pretrained=false."
        ) from error
    _load(trunk, state, "model.encoder: the published weights of ResNet-18")


def load_file(trunk: DilatedResNet18, weights: str) -> None:
    """Load a local checkpoint; only plain containers and tensors are read.

    Raises:
        UserError: the file is missing or unreadable, or does not match the network.
    """
    path = find_weights(weights)
    try:
        state = load_state_dict(str(path), use_ema=False, weights_only=True)
    except Exception as error:  # a damaged file fails in many ways
        raise UserError(
            f"model.encoder.weights={weights} can't be read as a checkpoint ({error}); give "
            "another file."
        ) from error
    _load(trunk, state, f"the weights in model.encoder.weights={weights}")


def _load(trunk: DilatedResNet18, state: dict[str, Tensor], found: str) -> None:
    backbone = {name: value for name, value in state.items() if not name.startswith("fc.")}
    load_matching(trunk, backbone, found, "give a ResNet-18 with torchvision's names")
