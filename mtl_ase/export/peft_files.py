"""LoRA in the format of Hugging Face's PEFT, for timm's ViT.

Legend: L tokens, D width in, O width out, R rank.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file
from torch import Tensor, nn

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.errors import UserError
from mtl_ase.export.constant_update import ConstantUpdate, constant_update
from mtl_ase.export.facts import Facts
from mtl_ase.export.trained_run import TrainedRun
from mtl_ase.model.adapters import Adapter
from mtl_ase.model.encoders import ViTEncoder

MODULES = {"qkv": "attn.qkv", "proj": "attn.proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}
"""timm's names of the linear layers of a block, by site; q, k and v are one layer in both."""
PREFIX = "base_model.model."
"""What PEFT puts before the names of modules."""
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
POSITIONS = "pos_embed.safetensors"
FACTS = "export.json"
ADVICE = "export with format=adapters instead"


def write_peft(trained: TrainedRun, facts: Facts, folder: Path) -> None:
    """Write PEFT adapters: one for all tasks or, where they differ, one in TASK/ for each.

    `pos_embed.safetensors` has the position embeddings by task, with the task embedding added; the
    heads are not part of the format.

    Args:
        trained: the run.
        facts: what is known of it.
        folder: an existing folder.

    Raises:
        UserError: PEFT can't express the adapters.
    """
    encoder = _plain_encoder(trained)
    adapters = encoder.adapters()
    by_task = any(adapter.knows_tasks for adapter in adapters)
    places = {name: folder / name for name in trained.tasks} if by_task else {"": folder}
    name = str(trained.config.model.encoder.name)
    for task, place in enumerate(places.values()):
        place.mkdir(exist_ok=True)
        write_adapter({_module(a): _update(a, task) for a in adapters}, place, name)
    positions = _positions(encoder)
    if positions is not None:
        named = dict(zip(trained.tasks, positions.contiguous().unbind(), strict=True))
        save_file({task: value.clone() for task, value in named.items()}, folder / POSITIONS)
    node = trained.config.model.encoder
    options = OmegaConf.to_container(node.options) if node.get("options") else {}
    layout = {"adapters": [*places], "weights": node.get("weights"), "options": options}
    write_json(folder / FACTS, {"format": "peft", **layout, **facts})


def write_adapter(updates: dict[str, ConstantUpdate], folder: Path, base: str) -> None:
    """Write adapter_config.json and adapter_model.safetensors, as PEFT's LoRA reads them.

    Args:
        updates: the update by name of the module.
        folder: an existing folder.
        base: name of the base model, for the record.
    """
    ranks = {name: update.rank for name, update in updates.items()}
    alphas = {name: update.scale * update.rank for name, update in updates.items()}
    rank = Counter(ranks.values()).most_common(1)[0][0]
    alpha = Counter(alphas.values()).most_common(1)[0][0]
    config = {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": base,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {name: r for name, r in ranks.items() if r != rank},
        "alpha_pattern": {name: a for name, a in alphas.items() if a != alpha},
        "target_modules": list(updates),
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
    }
    weights: dict[str, Tensor] = {}
    for name, update in updates.items():
        weights[f"{PREFIX}{name}.lora_A.weight"] = update.down_RD.float().contiguous()
        weights[f"{PREFIX}{name}.lora_B.weight"] = update.up_OR.float().contiguous()
    write_json(folder / CONFIG, config)
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def _plain_encoder(trained: TrainedRun) -> ViTEncoder:
    """The encoder, if PEFT can express what was trained in it.

    Raises:
        UserError: it can't.
    """
    encoder = trained.network.encoder
    if type(encoder) is not ViTEncoder:
        raise UserError(f"PEFT knows no {type(encoder).__name__}; {ADVICE}.")
    if not encoder.adapters():
        raise UserError(f"this network has no adapters, so there is nothing for PEFT; {ADVICE}.")
    if any(p.requires_grad for p in encoder.components()["backbone"]):
        raise UserError(
            f"the backbone was trained too, and PEFT's files would not hold it; {ADVICE}."
        )
    if trained.config.model.encoder.get("weights") is None and not (
        trained.config.model.encoder.pretrained
    ):
        raise UserError(
            f"the backbone has random weights that no file holds, so PEFT can't load it; {ADVICE}."
        )
    return encoder


def _module(adapter: Adapter) -> str:
    """Name in timm's ViT of the linear layer at an adapter's site.

    Raises:
        UserError: there is none.
    """
    site = adapter.site
    if site.name not in MODULES:
        raise _inexpressible(adapter, "stands beside a whole FFN")
    return f"blocks.{site.layer}.{MODULES[site.name]}"


def _update(adapter: Adapter, task: int) -> ConstantUpdate:
    """The update of a task.

    Raises:
        UserError: it depends on the input.
    """
    update = constant_update(adapter, task)
    if update is None:
        raise _inexpressible(adapter, "depends on the input")
    return update


def _inexpressible(adapter: Adapter, why: str) -> UserError:
    return UserError(
        f"PEFT can't express {type(adapter).__name__} at {adapter.site.name} of layer "
        f"{adapter.site.layer}, which {why}; {ADVICE}."
    )


@torch.no_grad()
def _positions(encoder: ViTEncoder) -> Tensor | None:
    """Position embeddings of every task with its embedding e_t added, (T, 1, L, D).

    None if there are no position embeddings and no e_t.

    Raises:
        UserError: e_t is added where position embeddings can't replace it.
    """
    vit, embedding_TD = encoder.vit, encoder.task_embedding_TD
    positions = vit.pos_embed
    if embedding_TD is None:
        return None if positions is None else positions.expand(encoder.num_tasks, 1, -1, -1)
    num_tokens = encoder.num_prefix + encoder.grid_hw[0] * encoder.grid_hw[1]
    added_there = (
        positions is not None
        and positions.shape[1] == num_tokens
        and isinstance(vit.norm_pre, nn.Identity)
        and encoder.branch_block == 0
    )
    if not added_there:
        raise UserError(
            "the task embedding is not added together with the position embeddings, so PEFT can't "
            f"express it; {ADVICE}."
        )
    assert positions is not None
    return positions + embedding_TD[:, None, None]
