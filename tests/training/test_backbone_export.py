"""A trained backbone, written and read again, gives the same tokens. L tokens, D width."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mtl_ase.model.encoders import ViTEncoder
from mtl_ase.training import BackboneExport
from mtl_ase.training.backbone_export import backbone_state


def export(network, path):
    """What the callback does at the end of training."""
    BackboneExport(str(path)).on_fit_end(SimpleNamespace(), SimpleNamespace(network=network))
    return str(path)


@pytest.mark.parametrize("experiment", ["mtl_vit", "ase"])
def test_round_trip(tiny_network, tmp_path, experiment):
    """LoRA and experts add nothing at the start, so here both networks' tokens must agree."""
    network = tiny_network(f"experiment={experiment}").eval()
    if network.task_embedding_TD is not None:
        torch.nn.init.zeros_(network.task_embedding_TD)
    path = export(network, tmp_path / "vit.safetensors")
    torch.manual_seed(99)
    options = {"patch_size": 16, "embed_dim": 48, "depth": 2, "num_heads": 2}
    backbone = ViTBackbone("vit_tiny_patch16_224", (64, 64), weights=path, options=options)
    image_BCHW = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    x_BLD = backbone.embed(image_BCHW)
    for block in backbone.vit.blocks:
        x_BLD = block(x_BLD)
    torch.testing.assert_close(x_BLD, network.encode(image_BCHW)[0][0], rtol=1e-2, atol=1e-2)


def test_another_experiment_starts_from_it(tiny_network, tmp_path):
    source = tiny_network("experiment=mtl_vit")
    for parameter in source.parameters():
        torch.nn.init.normal_(parameter)
    path = export(source, tmp_path / "vit.safetensors")
    target = tiny_network("experiment=ase", f"model.encoder.weights={path}")
    written, read = backbone_state(source), backbone_state(target)
    assert written.keys() == read.keys()
    for name, value in written.items():
        assert torch.equal(read[name], value.half().float()), name


def test_adapters_are_not_exported(tiny_network):
    plain = backbone_state(tiny_network("experiment=mtl_vit"))
    adapted = backbone_state(tiny_network("experiment=ase"))
    assert {name: value.shape for name, value in plain.items()} == {
        name: value.shape for name, value in adapted.items()
    }
