"""Which parameters decay."""

from __future__ import annotations

from typing import Any

from torch import nn

EMBEDDINGS = ("pos_embed", "cls_token", "reg_token", "task_embedding_TD")


def parameter_groups(network: nn.Module) -> list[dict[str, Any]]:
    """Trainable parameters in two groups; norms, biases and embeddings get no weight decay."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        embedding = name.rpartition(".")[2] in EMBEDDINGS
        (free if parameter.ndim < 2 or embedding else decayed).append(parameter)
    return [{"params": decayed}, {"params": free, "weight_decay": 0.0}]
