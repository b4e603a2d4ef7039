"""One ResNet-18 for all tasks. Legend: T tasks, B images, C channels, D width, H W cells."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mtl_ase.base.bounds import Positive
from mtl_ase.model.encoders.encoder import Encoder, FeatureMap
from mtl_ase.model.encoders.resnet import STRIDE, WIDTH, DilatedResNet18
from mtl_ase.model.routing import Routing


class ResNetEncoder(Encoder):
    """A dilated ResNet-18 that all tasks share: every task gets the same feature map.

    With several tasks it is the paper's multi-task ResNet-18, with one its single-task network
    (arXiv 2510.00570, Table 1, rows MTL and STL).

    Args:
        tasks: names of the tasks.
        pretrained: load torchvision's published weights (downloaded on first use).
        weights: a local checkpoint instead.
        width: channels of the trunk's stem; 64 is ResNet-18.

    Raises:
        UserError: weights that can't be downloaded, read, or don't match.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        pretrained: bool = True,
        weights: str | None = None,
        width: Positive = WIDTH,
    ) -> None:
        super().__init__()
        self.num_tasks = len(tasks)
        self.trunk = DilatedResNet18(pretrained, weights, width)
        self.source = self.trunk.source
        self.feature_maps = [FeatureMap(self.trunk.widths[-1], STRIDE)]

    def forward(self, image_BCHW: Tensor) -> tuple[list[Tensor], list[Routing]]:
        """One feature map_TBDHW, the same for every task; there are no routers."""
        map_BDHW = self.trunk(image_BCHW)
        return [map_BDHW.expand(self.num_tasks, *map_BDHW.shape)], []

    def parameters_by_layer(self) -> dict[str, list[nn.Parameter]]:
        """Those of the trunk."""
        return self.trunk.parameters_by_layer()

    def backbone_state(self) -> dict[str, Tensor]:
        """The trunk's weights by torchvision's names."""
        return self.trunk.backbone_state()
