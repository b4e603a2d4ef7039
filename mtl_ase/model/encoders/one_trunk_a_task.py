"""A ResNet-18 for every task, mixed by units.

Legend: T tasks, S tasks mixed from, B images, C channels, D width, H W pixels or cells.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from mtl_ase.base.bounds import Positive, Share, Weight
from mtl_ase.base.errors import UserError
from mtl_ase.model.encoders.encoder import Encoder, FeatureMap
from mtl_ase.model.encoders.resnet import STRIDE, WIDTH, DilatedResNet18
from mtl_ase.model.encoders.resnet_encoder import ResNetEncoder
from mtl_ase.model.routing import Routing
from mtl_ase.model.single_task_runs import read_single_task_runs

KEY = "model.encoder.stl"


class OneTrunkATask(Encoder):
    """A dilated ResNet-18 for every task; after a stage, a unit may mix the tasks' maps.

    Args:
        tasks: names of the tasks; their order is the order of the task axis.
        pretrained: load torchvision's published weights into every trunk.
        weights: a local checkpoint instead.
        stl: run folders of finished single-task runs instead, one for each task in any order.
        own: a task's share of its own map at the start; the others' share the rest equally, so that
            mixtures keep the scale of the maps.
        unit_lr_factor: factor on the learning rate of the units.
        width: channels of the trunks' stems; 64 is ResNet-18.

    Attributes:
        component: what the units are called in counts of parameters.

    Raises:
        UserError: weights that can't be downloaded, read, or don't match; `stl` together with
            `weights`; runs that are not one finished run of a `ResNetEncoder` for each task.
    """

    component: str

    def __init__(
        self,
        tasks: Sequence[str],
        pretrained: bool = True,
        weights: str | None = None,
        stl: Sequence[str] | None = None,
        own: Share = 0.8,
        unit_lr_factor: Weight = 100,
        width: Positive = WIDTH,
    ) -> None:
        super().__init__()
        if stl is not None and weights is not None:
            raise UserError(f"{KEY} and model.encoder.weights are both given; leave one out.")
        self.trunks = nn.ModuleList(
            DilatedResNet18(pretrained and stl is None, weights, width) for _ in tasks
        )
        first = cast(DilatedResNet18, self.trunks[0])
        self.source = first.source
        if stl is not None:
            self._load(tasks, stl)
        self.units = nn.ModuleList(self.make_units(mixture_TS(len(tasks), own), first.widths))
        self.unit_lr_factor = unit_lr_factor
        self.feature_maps = [FeatureMap(first.widths[-1], STRIDE)]

    @abstractmethod
    def make_units(self, mixture_TS: Tensor, widths: Sequence[int]) -> Sequence[nn.Module]:
        """One unit a stage (stem, layer1 to layer4), from maps_TBDHW to maps_TBDHW.

        Args:
            mixture_TS: what the units start as, each task's shares of all tasks' maps.
            widths: D after every stage.
        """

    def _load(self, tasks: Sequence[str], stl: Sequence[str]) -> None:
        runs = read_single_task_runs(stl, tasks, KEY)
        own = f"{ResNetEncoder.__module__.rpartition('.')[0]}.{ResNetEncoder.__name__}"
        for trunk, run in zip(self.trunks, runs.values(), strict=True):
            if run.encoder != own:
                raise UserError(
                    f"{KEY}: {run.folder} has the encoder {run.encoder}, not a ResNet-18; give "
                    "runs of experiment=stl_resnet18."
                )
            run.load_part("encoder.trunk", trunk, KEY)
        self.source = ", ".join(run.folder for run in runs.values())

    def forward(self, image_BCHW: Tensor) -> tuple[list[Tensor], list[Routing]]:
        """One feature map_TBDHW; there are no routers."""
        x_TBDHW: Sequence[Tensor] | Tensor = [image_BCHW] * len(self.trunks)
        trunks = cast(Iterable[DilatedResNet18], self.trunks)
        stages = zip(*(trunk.stages() for trunk in trunks), strict=True)
        for of_tasks, unit in zip(stages, self.units, strict=True):
            maps = [stage(x_BDHW) for stage, x_BDHW in zip(of_tasks, x_TBDHW, strict=True)]
            x_TBDHW = unit(torch.stack(maps))
        assert isinstance(x_TBDHW, Tensor)
        return [x_TBDHW], []

    def components(self) -> dict[str, list[nn.Parameter]]:
        """The trunks, and the units."""
        trunks = list(self.trunks.parameters())
        return {"backbone": trunks, self.component: list(self.units.parameters())}

    def parameters_by_layer(self) -> dict[str, list[nn.Parameter]]:
        """Those of the trunks, each with the unit after it."""
        of_trunks = [
            trunk.parameters_by_layer() for trunk in cast(Iterable[DilatedResNet18], self.trunks)
        ]
        names = zip(of_trunks[0], self.units, strict=True)
        return {
            name: [p for layers in of_trunks for p in layers[name]] + list(unit.parameters())
            for name, unit in names
        }

    def learning_rates(self) -> Mapping[nn.Parameter, float]:
        """The units learn faster than the trunks, which are trained already."""
        return dict.fromkeys(self.units.parameters(), self.unit_lr_factor)


def mixture_TS(num_tasks: int, own: float) -> Tensor:
    """A task's share of its own map, and the rest in equal parts of the others'; rows sum to 1.

    A single task keeps all.
    """
    if num_tasks == 1:
        return torch.ones(1, 1)
    rest = (1 - own) / (num_tasks - 1)
    return torch.full((num_tasks, num_tasks), rest).fill_diagonal_(own)
