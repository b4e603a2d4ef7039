"""Networks of some of their tasks predict what the network of all tasks does, or are refused."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import pytest
import torch
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_network, build_tasks
from mtl_ase.config import CONFIGS
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.task_subset import weights_of_tasks
from tests.conftest import Compose

TASKS = ["semseg", "human_parts", "saliency", "normals", "edge"]
ALONE = {"stl_vit", "stl_resnet18", "scenes_pretrain", "scenes_pretrain_resnet"}
RESNETS = {"mtl_resnet18", "mtan", "nddr_cnn", "cross_stitch"}
REFUSED = {"nddr_cnn", "cross_stitch", "c_lorae"}
"""Two make every task's features of all tasks'; the third's ranks depend on how many there are."""


def stems(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


CASES = [[f"model/adapter={name}"] for name in stems("model/adapter")]
CASES += [[f"model/decoder={name}"] for name in stems("model/decoder")]
CASES += [[f"experiment={name}"] for name in stems("experiment") if name not in ALONE]


def shaken(network: MultiTaskNetwork) -> MultiTaskNetwork:
    """Weights that start at zero would hide mistakes."""
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.05 * torch.rand_like(value))
    return network.eval()


def built(config: DictConfig) -> MultiTaskNetwork:
    network: MultiTaskNetwork = build_network(config, build_tasks(config))
    return network.eval()


@pytest.mark.parametrize(
    "wanted",
    [["edge", "semseg"], pytest.param(["normals"], marks=pytest.mark.slow)],
    ids=lambda wanted: "-".join(wanted),
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].rpartition("=")[2])
def test_wanted_tasks_alone_are_predicted_alike(
    composed: Compose, tiny: list[str], case: Sequence[str], wanted: list[str]
) -> None:
    name = case[0].rpartition("=")[2]
    small = [o for o in tiny if name not in RESNETS or not o.startswith("model.encoder")]
    config = composed(*small, *case, *(["model.encoder.width=8"] * (name in RESNETS)))
    whole = shaken(built(config))
    config = copy.deepcopy(config)
    config.tasks = {task: config.tasks[task] for task in wanted}
    part = built(config)
    if name in REFUSED:
        with pytest.raises(UserError, match=r"no part for every task.*leave tasks=\[\.\.\.\] out"):
            weights_of_tasks(whole.state_dict(), part.state_dict(), TASKS, wanted)
        return
    cut = weights_of_tasks(whole.state_dict(), part.state_dict(), TASKS, wanted)
    part.load_state_dict(cut)
    image_BCHW = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        expected, found = whole(image_BCHW).logits, part(image_BCHW).logits
    assert list(found) == wanted
    for task in wanted:
        torch.testing.assert_close(found[task], expected[task], rtol=1e-4, atol=1e-4)
