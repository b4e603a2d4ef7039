"""The DeepLab head: its counts, its parts, batches of one image."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.segmentation.deeplabv3 import DeepLabHead

from mtl_ase.base.errors import UserError
from mtl_ase.model.decoders import DeepLab
from tests.model.encoders.resnets import shake

CHANNELS = (21, 7, 1, 1, 3)


def test_its_size():
    with torch.device("meta"):
        sizes = [sum(p.numel() for p in DeepLab(512, c).parameters()) for c in CHANNELS]
    assert sizes[0] == 4_722_176 + 257 * 21
    assert sum(sizes) == 23_619_361


@pytest.mark.parametrize("grid", [(8, 8), (28, 5), (1, 1)])
def test_it_is_torchvisions(grid):
    """Their head has the same layers, in the same order."""
    ours, map_BDHW = shake(DeepLab(16, 3)).eval(), torch.randn(2, 16, *grid)
    theirs = DeepLabHead(16, 3, (12, 24, 36)).eval()
    state = zip(theirs.state_dict(), ours.state_dict().values(), strict=True)
    theirs.load_state_dict(dict(state))
    torch.testing.assert_close(ours(map_BDHW), theirs(map_BDHW), rtol=1e-4, atol=1e-4)


def test_every_parameter_learns():
    head = DeepLab(12, 3, hidden=8, dilations=(1, 2)).eval()
    head(torch.randn(2, 12, 6, 6)).square().sum().backward()
    assert all(parameter.grad.any() for parameter in head.parameters())


def test_only_in_training_values_are_dropped():
    head = DeepLab(12, 3, hidden=8, dropout=0.5)
    head(torch.randn(4, 12, 3, 3))
    drops = [module for module in head.modules() if isinstance(module, nn.Dropout)]
    assert [module.p for module in drops] == [0.5]
    head.eval()
    map_BDHW = torch.randn(1, 12, 3, 3)
    assert torch.equal(head(map_BDHW), head(map_BDHW))


def test_one_image_can_be_evaluated_but_not_trained_on():
    head, map_BDHW = DeepLab(12, 3, hidden=8), torch.randn(1, 12, 3, 3)
    assert head.eval()(map_BDHW).shape == (1, 3, 3, 3)
    with pytest.raises(UserError, match=r"a batch of one image.*choose data\.batch_size=2 or more"):
        head.train()(map_BDHW)
