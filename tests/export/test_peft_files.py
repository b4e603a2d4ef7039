"""Adapters in PEFT's format on timm's own ViT. T tasks, B images, L tokens, D width."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from mtl_ase.base.errors import UserError
from mtl_ase.export import TrainedRun, read_run, write_peft
from mtl_ase.export.facts import facts_of
from mtl_ase.model.encoders import load_weights
from tests.conftest import SIZE
from tests.export.conftest import SHIPPED, MakeRun

NO_EMBEDDING = "model.encoder.task_embedding=false"
EXPRESSIBLE = {
    "lora, one pass": ["model/adapter=lora", NO_EMBEDDING],
    "lora, task embedding": ["model/adapter=lora"],
    "lora of two ranks": [
        *("model/adapter=lora", "model.adapter.sites=[qkv]", "model.adapter.rank=6"),
        "model.lora={_target_:mtl_ase.model.adapters.LoRA,_partial_:true,sites:[fc1],rank:2,alpha:3}",
    ],
    "mtlora": ["model/adapter=mtlora"],
    "mtl_lora": ["model/adapter=mtl_lora", NO_EMBEDDING],
}
SLOW = {"lora of two ranks", "mtl_lora"}
CASES = [
    pytest.param(overrides, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
    for name, overrides in EXPRESSIBLE.items()
]


def exported(run: Path, folder: Path) -> tuple[TrainedRun, dict[str, Any]]:
    trained = read_run(run)
    folder.mkdir()
    write_peft(trained, facts_of(trained), folder)
    return trained, json.loads((folder / "export.json").read_text())


def bare_vit(folder: Path, task: str, known: dict[str, Any]) -> VisionTransformer:
    """What a user of timm builds, as the model card says."""
    size, options = (SIZE, SIZE), known["options"]
    vit = timm.create_model(
        known["backbone"]["name"], img_size=size, num_classes=0, global_pool="", **options
    )
    vit.norm = nn.Identity()
    load_weights(vit, known["weights"])
    vit.pos_embed.data = load_file(folder / "pos_embed.safetensors")[task]
    return vit.eval()


def add_by_hand(vit: nn.Module, folder: Path) -> None:
    """W + alpha / r B A, read as the format's documentation says."""
    config = json.loads((folder / "adapter_config.json").read_text())
    weights = load_file(folder / "adapter_model.safetensors")
    assert len(weights) == 2 * len(config["target_modules"])
    for name in config["target_modules"]:
        down_RD, up_OR = (weights[f"base_model.model.{name}.lora_{x}.weight"] for x in "AB")
        rank = config["rank_pattern"].get(name, config["r"])
        alpha = config["alpha_pattern"].get(name, config["lora_alpha"])
        assert (rank, len(down_RD)) == (len(down_RD), up_OR.shape[1])
        layer = vit.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        layer.weight.data += alpha / rank * up_OR @ down_RD


@torch.no_grad()
def check_tokens(trained: TrainedRun, task: int, vit: Any) -> None:
    """Tokens of timm's ViT are the encoder's feature map of a task, to 1e-5 of the largest."""
    image_BCHW = torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8)
    encoder = trained.network.encoder
    (map_TBDHW,), _ = encoder(image_BCHW)
    tokens_BLD: Tensor = vit.forward_features((image_BCHW - encoder.mean_C11) / encoder.std_C11)
    expected_BLD = map_TBDHW[task].flatten(-2).mT
    assert tokens_BLD.shape == expected_BLD.shape
    scale = float(expected_BLD.abs().max())
    torch.testing.assert_close(tokens_BLD, expected_BLD, rtol=0, atol=1e-5 * scale)


def folders(known: dict[str, Any], folder: Path) -> dict[str, Path]:
    """The adapter's folder of every task."""
    several = len(known["adapters"]) > 1
    return {task: folder / task if several else folder for task in known["tasks"]}


@pytest.mark.parametrize("overrides", CASES)
def test_the_format_gives_the_encoders_tokens(
    make_run: MakeRun, tmp_path: Path, overrides: list[str]
) -> None:
    trained, known = exported(make_run(*overrides, *SHIPPED), tmp_path / "out")
    for number, (task, place) in enumerate(folders(known, tmp_path / "out").items()):
        vit = bare_vit(tmp_path / "out", task, known)
        before = vit.blocks[0].attn.qkv.weight.clone()
        add_by_hand(vit, place)
        assert (vit.blocks[0].attn.qkv.weight - before).abs().max() > 1e-3
        check_tokens(trained, number, vit)


@pytest.mark.filterwarnings("ignore")  # PEFT's and its libraries' own
@pytest.mark.parametrize("overrides", CASES)
def test_peft_itself_gives_the_encoders_tokens(
    make_run: MakeRun, tmp_path: Path, overrides: list[str]
) -> None:
    peft = pytest.importorskip("peft", reason='pip install "mtl_ase[peft]" to run it')
    trained, known = exported(make_run(*overrides, *SHIPPED), tmp_path / "out")
    for number, (task, place) in enumerate(folders(known, tmp_path / "out").items()):
        vit = bare_vit(tmp_path / "out", task, known)
        loaded = peft.PeftModel.from_pretrained(vit, place).eval()
        check_tokens(trained, number, loaded)
        check_tokens(trained, number, loaded.merge_and_unload())


def test_one_adapter_for_all_tasks_or_one_for_each(make_run: MakeRun, tmp_path: Path) -> None:
    for adapter, several in (("lora", False), ("mtlora", True)):
        out = tmp_path / adapter
        trained, known = exported(make_run(f"model/adapter={adapter}", *SHIPPED), out)
        expected = list(trained.tasks) if several else [""]
        assert known["adapters"] == expected
        found = [path.parent for path in sorted(out.rglob("adapter_config.json"))]
        assert found == sorted(out / name for name in expected)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["experiment=ase", *SHIPPED], "PEFT can't express RoutedExperts at ffn of layer 0"),
        (["model/adapter=hydra_lora", *SHIPPED], "PEFT can't express HydraLoRA .*on the input"),
        (["experiment=mtl_vit", *SHIPPED], "no adapters"),
        (["model/adapter=lora", "model.encoder.frozen=false", *SHIPPED], "was trained too"),
        (["model/adapter=lora"], "random weights that no file holds"),
        (["model/adapter=lora", "model.encoder.branch_block=1", *SHIPPED], "task embedding"),
        (["experiment=ase_side", *SHIPPED], "PEFT knows no SideViTEncoder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_peft_cant_express_is_refused(
    make_run: MakeRun, tmp_path: Path, overrides: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said) as error:
        exported(make_run(*overrides), tmp_path / "out")
    assert "format=adapters" in str(error.value)
