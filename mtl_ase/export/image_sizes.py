"""A trained network for images of another size."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from omegaconf import DictConfig
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor

from mtl_ase.build import build_network, forget_weights
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.encoders import ViTEncoder
from mtl_ase.tasks import Task
from mtl_ase.training.checkpoint_fit import check_fits

POSITIONS = "encoder.vit.pos_embed"


def network_for(
    network: MultiTaskNetwork,
    config: DictConfig,
    tasks: Mapping[str, Task],
    size_hw: tuple[int, int],
) -> MultiTaskNetwork:
    """The network for images of a size, in evaluation mode.

    Position embeddings are resampled from the grid that was trained on to the new one, as
    `model.encoder.position_resampling` says; all other weights are the same. Networks without
    position embeddings take any size as they are.

    Args:
        network: the trained network.
        config: the config of its run.
        tasks: the tasks by name.
        size_hw: (H, W) of the images.

    Raises:
        UserError: the size is no multiple of the patch size, or other weights depend on it.
    """
    encoder = network.encoder
    if not isinstance(encoder, ViTEncoder) or list(size_hw) == list(config.data.image_size):
        return network
    config = copy.deepcopy(config)
    config.data.image_size = list(size_hw)
    config.model.encoder.image_size = list(size_hw)
    forget_weights(config)
    other = build_network(config, tasks)
    state, own = network.state_dict(), other.state_dict()
    if POSITIONS in state:  # grids of as many cells may have another shape
        state[POSITIONS] = _resampled(state[POSITIONS], encoder, other.encoder, config)
    check_fits({"state_dict": state}, own)
    other.load_state_dict(state)
    return other.eval()


def _resampled(positions: Tensor, old: ViTEncoder, new: object, config: DictConfig) -> Tensor:
    """Position embeddings of the old grid (1, L, D), for the new one."""
    assert isinstance(new, ViTEncoder)
    grid_cells = old.grid_hw[0] * old.grid_hw[1]
    resampling = config.model.encoder.position_resampling
    return resample_abs_pos_embed(
        positions,
        new_size=list(new.grid_hw),
        old_size=list(old.grid_hw),
        num_prefix_tokens=positions.shape[1] - grid_cells,
        interpolation=resampling,
        antialias=resampling == "bicubic",
    )
