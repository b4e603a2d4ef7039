"""The whole network as ONNX and as a program of torch.export: the same numbers as the network.

The graph is traced with a batch of 2 and run with 1 and 3. B images, C channels, H W pixels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import InstantiationException
from torch import Tensor

from mtl_ase.config import explain
from mtl_ase.export import TrainedRun, read_run, write_onnx, write_torch
from mtl_ase.export.facts import facts_of
from mtl_ase.export.image_sizes import network_for
from mtl_ase.export.merged import merged
from mtl_ase.model.encoders import ViTEncoder
from tests.conftest import SIZE
from tests.export.conftest import SHIPPED, MakeRun

SHALLOW = "model.encoder.options={patch_size:16,embed_dim:48,depth:1,num_heads:2,class_token:true}"
ASE = ("experiment=ase_finegrained", SHALLOW)
TOLERANCE = 1e-3
"""Of the standard deviation of a task's output, which is below 1 here."""
SIZES = [(SIZE, SIZE), (SIZE, 96), (48, 32)]
EXPERIMENTS = {
    "ase_finegrained": ["experiment=ase_finegrained"],
    "lora_moe": ["experiment=lora_moe", SHALLOW],
    "lora": ["model/adapter=lora", SHALLOW],
    "mtl_vit": ["experiment=mtl_vit", SHALLOW],
    "mtlora": ["model/adapter=mtlora", "model.encoder.branch_block=1"],
    "mtl_resnet18": ["experiment=mtl_resnet18"],
}


def image(batch: int, size_hw: tuple[int, int]) -> Tensor:
    return torch.randint(0, 256, (batch, 3, *size_hw), dtype=torch.uint8)


@torch.no_grad()
def expected(trained: TrainedRun, image_BCHW: Tensor, outputs: str) -> dict[str, Tensor]:
    """What the network itself gives at the images' size."""
    size = (image_BCHW.shape[-2], image_BCHW.shape[-1])
    network = network_for(trained.network, trained.config, trained.tasks, size)
    logits: dict[str, Tensor] = network(image_BCHW).logits
    if outputs == "logits":
        return logits
    return {
        name: torch.stack([task.output.activate(logits_CHW) for logits_CHW in logits[name]])
        for name, task in trained.tasks.items()
    }


def check(found: dict[str, Any], wanted: dict[str, Tensor]) -> None:
    assert list(found) == list(wanted)
    for task, value in wanted.items():
        actual = torch.as_tensor(found[task])
        assert actual.shape == value.shape
        if actual.dtype == torch.int64:  # classes: rounding may decide where two are equal
            assert (actual != value).float().mean() < TOLERANCE
        else:
            spread = float(value.std())
            assert 1e-3 < spread < 1
            torch.testing.assert_close(actual, value, rtol=0, atol=TOLERANCE * spread)


def check_onnx(trained: TrainedRun, file: Path, size: tuple[int, int], outputs: str) -> Any:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(file)
    for batch in (1, 3):
        image_BCHW = image(batch, size)
        names = [output.name for output in session.get_outputs()]
        given = session.get_inputs()[0]
        kinds = {"tensor(uint8)": torch.uint8, "tensor(float)": torch.float32}
        arrays = session.run(None, {"image": image_BCHW.to(kinds[given.type]).numpy()})
        check(dict(zip(names, arrays, strict=True)), expected(trained, image_BCHW, outputs))
    return session


def check_torch(trained: TrainedRun, file: Path, size: tuple[int, int], outputs: str) -> None:
    network = torch.export.load(file).module().requires_grad_(False)
    for batch in (1, 3):
        image_BCHW = image(batch, size)
        check(network(image_BCHW), expected(trained, image_BCHW, outputs))


def test_onnx_gives_the_networks_logits(make_run: MakeRun, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    trained = read_run(make_run(*ASE))
    write_onnx(trained, facts_of(trained, "mit"), tmp_path, [(SIZE, 96)], given="floats")
    file = tmp_path / f"network_{SIZE}x96.onnx"
    session = check_onnx(trained, file, (SIZE, 96), "logits")
    assert session.get_inputs()[0].shape == ["batch", 3, SIZE, 96]
    assert all(output.shape[0] == "batch" for output in session.get_outputs())
    known = session.get_modelmeta().custom_metadata_map
    assert json.loads(known["tasks"]) == list(trained.tasks)
    assert json.loads(known["classes"])["semseg"]["person"] == 15
    assert json.loads(known["normalisation"])["mean"] == [127.5] * 3
    assert known["licence"] == "mit"
    assert known["input"] == f"image: float32 RGB 0..255, (batch, 3, {SIZE}, 96)"
    kinds = {node.op_type for node in onnx.load(file).graph.node}
    assert "TopK" in kinds
    assert not kinds & {"If", "Loop", "Scan", "NonZero", "Compress"}  # depend on the data


def test_a_program_gives_predictions(make_run: MakeRun, tmp_path: Path) -> None:
    trained = read_run(make_run(*ASE))
    write_torch(trained, facts_of(trained), tmp_path, [(48, 32)], outputs="predictions")
    file = tmp_path / "network_48x32.pt2"
    check_torch(trained, file, (48, 32), "predictions")
    texts = {"tasks": "", "outputs": "", "input": ""}
    torch.export.load(file, extra_files=texts)
    assert json.loads(texts["tasks"]) == list(trained.tasks)
    assert texts["outputs"] == "predictions"
    assert texts["input"] == "image: uint8 RGB 0..255, (batch, 3, 48, 32)"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_network_at_three_sizes(make_run: MakeRun, tmp_path: Path, name: str) -> None:
    trained = read_run(make_run(*EXPERIMENTS[name]))
    facts = facts_of(trained)
    write_torch(trained, facts, tmp_path, SIZES)
    write_onnx(trained, facts, tmp_path, SIZES)
    for height, width in SIZES:
        file = tmp_path / f"network_{height}x{width}.onnx"
        check_onnx(trained, file, (height, width), "logits")
        check_torch(trained, file.with_suffix(".pt2"), (height, width), "logits")


@pytest.mark.slow
def test_predictions_as_onnx(make_run: MakeRun, tmp_path: Path) -> None:
    trained = read_run(make_run(*ASE))
    write_onnx(trained, facts_of(trained), tmp_path, [(SIZE, SIZE)], outputs="predictions")
    check_onnx(trained, tmp_path / f"network_{SIZE}x{SIZE}.onnx", (SIZE, SIZE), "predictions")


@pytest.mark.parametrize(
    ("overrides", "left"),
    [
        (["experiment=ase"], {"ffn"}),
        (["model/adapter=lora"], set()),
        (["model/adapter=lora", "tasks=[edge]"], set()),
        (["model/adapter=mtlora", "tasks=[edge]"], set()),
        (["model/adapter=mtlora"], {"qkv", "proj", "fc1", "fc2"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@torch.no_grad()
def test_what_is_merged_changes_nothing(
    make_run: MakeRun, overrides: list[str], left: set[str]
) -> None:
    trained = read_run(make_run(*overrides))
    before = {name: value.clone() for name, value in trained.network.state_dict().items()}
    image_BCHW = image(2, (SIZE, SIZE))
    network = merged(trained.network)
    assert {adapter.site.name for adapter in network.encoder.adapters()} == left
    check(network(image_BCHW).logits, trained.network(image_BCHW).logits)
    assert all(torch.equal(before[n], v) for n, v in trained.network.state_dict().items())


def test_position_embeddings_are_resampled_as_timm_does(make_run: MakeRun) -> None:
    """From the file to the new grid, and by way of the one that was trained on."""
    trained = read_run(make_run(*ASE))
    encoder = trained.network.encoder
    assert isinstance(encoder, ViTEncoder)
    smooth_HWD = torch.linspace(0, 1, 4)[:, None, None] + torch.zeros(4, 4, 48)
    encoder.vit.pos_embed.data[:, 1:] = smooth_HWD.flatten(0, 1)
    other = network_for(trained.network, trained.config, trained.tasks, (32, 128)).encoder
    assert isinstance(other, ViTEncoder)
    found_HWD = other.vit.pos_embed[0, 1:].unflatten(0, (2, 8))
    assert found_HWD.std(1).max() < 1e-5
    assert (found_HWD[0].mean(), found_HWD[1].mean()) == pytest.approx((0.166, 0.833), abs=0.05)
    torch.testing.assert_close(other.vit.pos_embed[:, :1], encoder.vit.pos_embed[:, :1])


def test_a_size_that_patches_do_not_divide(make_run: MakeRun, tmp_path: Path) -> None:
    trained = read_run(make_run(*ASE))
    with pytest.raises(InstantiationException) as error:
        write_torch(trained, facts_of(trained), tmp_path, [(40, 64)])
    sentence = explain(error.value)
    assert sentence is not None
    assert "image_size=[40, 64] is no multiple of the patch size" in sentence


def test_the_shipped_backbone_at_another_size(make_run: MakeRun) -> None:
    trained = read_run(make_run("model/adapter=lora", *SHIPPED))
    network = network_for(trained.network, trained.config, trained.tasks, (32, 48))
    own, other = trained.network.state_dict(), network.state_dict()
    different = {name for name in own if not torch.equal(own[name], other[name])}
    assert different == {"encoder.vit.pos_embed"}
