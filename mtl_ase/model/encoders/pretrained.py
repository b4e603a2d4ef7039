"""Loading and saving the weights of a backbone in a local file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from timm.models import load_pretrained, load_state_dict
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor

from mtl_ase.base.errors import UserError

SHIPPED = Path(__file__).parents[1] / "weights"
Resampling = Literal["bicubic", "bilinear"]
_NOT_OURS = ("head.", "head_dist.", "norm.", "fc_norm.", "pre_logits.")


def find_weights(weights: str) -> Path:
    """The file behind `model.encoder.weights`: a path, or the bare name of a shipped file.

    Raises:
        UserError: there is no such file.
    """
    shipped = SHIPPED / f"{weights}.safetensors"
    path = shipped if shipped.is_file() else Path(weights).expanduser()
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.safetensors"))) or "none"
        raise UserError(
            f"model.encoder.weights={weights} is no file; give a checkpoint's path, "
            f"or the name of one that ships with the package ({names})."
        )
    return path


def load_weights(
    vit: VisionTransformer, weights: str, position_resampling: Resampling = "bicubic"
) -> None:
    """Load a local checkpoint into a ViT; position embeddings are resampled to its grid.

    Only plain containers and tensors are read, so an untrusted file cannot run code; older versions
    of timm unpickle arbitrary objects by default.

    Every weight of the network must be in the file; its classifier and final norm are ignored.

    Args:
        vit: the network to load into.
        weights: a path, or the bare name of a shipped file.
        position_resampling: see `ViTEncoder`.

    Raises:
        UserError: the file is missing or unreadable, or does not match the network.
    """
    path = find_weights(weights)
    try:
        stored = load_state_dict(str(path), use_ema=False, weights_only=True)
        state = checkpoint_filter_fn(stored, vit)
        if position_resampling == "bilinear":
            state |= _bilinear_positions(stored, vit)
    except Exception as error:  # a damaged file fails in many ways
        raise UserError(
            f"model.encoder.weights={weights} can't be read as a checkpoint ({error}); give "
            "another file."
        ) from error
    state = {k: v for k, v in state.items() if not k.startswith(_NOT_OURS)}
    own = vit.state_dict()
    wrong = sorted(own.keys() ^ state.keys())
    wrong += sorted(k for k in own.keys() & state.keys() if own[k].shape != state[k].shape)
    if wrong:
        raise UserError(
            f"model.encoder.weights={weights} does not fit the backbone: {len(wrong)} weights "
            f"differ, first {wrong[0]}; check model.encoder.name and model.encoder.options."
        )
    vit.load_state_dict(state)


def load_bilinear_positions(vit: VisionTransformer) -> None:
    """Replace the bicubically resampled position embeddings by bilinearly resampled ones.

    Raises:
        UserError: timm gives no access to the published weights, so they can't be resampled.
    """
    found: dict[str, Tensor] = {}

    def positions_only(state: dict[str, Tensor], model: VisionTransformer) -> dict[str, Tensor]:
        found.update(_bilinear_positions(state, model))
        return dict(found)

    load_pretrained(vit, num_classes=0, filter_fn=positions_only, strict=False)
    if not found:
        raise UserError(
            "model.encoder.position_resampling=bilinear is not possible for these published "
            "weights: timm reads them itself; choose bicubic or give model.encoder.weights=FILE."
        )


def _bilinear_positions(state: dict[str, Any], vit: VisionTransformer) -> dict[str, Tensor]:
    """Resampled as torch's interpolate does, without antialiasing (SETR, M3ViT)."""
    resampled = checkpoint_filter_fn(state, vit, interpolation="bilinear", antialias=False)
    return {"pos_embed": resampled["pos_embed"]}


def save_weights(state: dict[str, Tensor], path: Path) -> None:
    """Write a backbone's weights as half-precision safetensors, which `load_weights` reads."""
    halves = {
        name: value.detach().to("cpu", torch.float16).contiguous() for name, value in state.items()
    }
    save_file(halves, path)
