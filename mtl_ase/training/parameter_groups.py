"""Parameter groups of the optimiser: weight decay, and use of Muon."""

from __future__ import annotations

from typing import Any

from torch import nn

EMBEDDINGS = ("pos_embed", "cls_token", "reg_token", "task_embedding_TD")


def parameter_groups(network: nn.Module, decay_all: bool = False) -> list[dict[str, Any]]:
    """Trainable parameters in groups: matrices, stacks of matrices, and the rest.

    Norms, biases and embeddings get no weight decay, unless `decay_all` is set, as in M3ViT.
    Only matrices are updated by Muon (timm's, key `use_fallback`; other optimisers ignore it): it
    would treat a stack such as the routers' (T, D, E) as a single matrix with a row per task.
    """
    matrices: list[nn.Parameter] = []
    stacks: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if parameter.ndim < 2 or name.rpartition(".")[2] in EMBEDDINGS:
            free.append(parameter)
        elif parameter.ndim == 3:
            stacks.append(parameter)
        else:
            matrices.append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": stacks, "use_fallback": True},
        {"params": free, "use_fallback": True} | ({} if decay_all else {"weight_decay": 0.0}),
    ]
    return [group for group in groups if group["params"]]
