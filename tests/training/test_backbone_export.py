"""A trained backbone, written and read again, gives the same tokens. L tokens, D width."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mtl_ase.model.encoders import ViTEncoder
from mtl_ase.training import BackboneExport


def export(network, path):
    """What the callback does at the end of training."""
    BackboneExport(str(path)).on_fit_end(SimpleNamespace(), SimpleNamespace(network=network))
    return str(path)


@pytest.mark.parametrize("experiment", ["mtl_vit", "ase"])
def test_round_trip(tiny_network, tmp_path, experiment):
    """LoRA and experts add nothing at the start, so here both networks' tokens must agree."""
    network = tiny_network(f"experiment={experiment}").eval()
    if network.encoder.task_embedding_TD is not None:
        torch.nn.init.zeros_(network.encoder.task_embedding_TD)
    path = export(network, tmp_path / "vit.safetensors")
    torch.manual_seed(99)
    options = {"patch_size": 16, "embed_dim": 48, "depth": 2, "num_heads": 2}
    read = ViTEncoder(["a"], "vit_tiny_patch16_224", (64, 64), weights=path, options=options)
    torch.nn.init.zeros_(read.task_embedding_TD)
    image_BCHW = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    (found_TBDHW,), _ = read.eval()(image_BCHW)
    (expected_TBDHW,), _ = network.encoder(image_BCHW)
    torch.testing.assert_close(found_TBDHW[0], expected_TBDHW[0], rtol=1e-2, atol=1e-2)


def test_another_experiment_starts_from_it(tiny_network, tmp_path):
    source = tiny_network("experiment=mtl_vit")
    for parameter in source.parameters():
        torch.nn.init.normal_(parameter)
    path = export(source, tmp_path / "vit.safetensors")
    target = tiny_network("experiment=ase", f"model.encoder.weights={path}")
    written, read = source.encoder.backbone_state(), target.encoder.backbone_state()
    assert written.keys() == read.keys()
    for name, value in written.items():
        assert torch.equal(read[name], value.half().float()), name


def test_adapters_are_not_exported(tiny_network):
    plain = tiny_network("experiment=mtl_vit").encoder.backbone_state()
    adapted = tiny_network("experiment=ase").encoder.backbone_state()
    assert {name: value.shape for name, value in plain.items()} == {
        name: value.shape for name, value in adapted.items()
    }
