"""Parameter groups of the optimiser: weight decay, use of Muon, factors on the learning rate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from mtl_ase.balance import Balance
from mtl_ase.model import MultiTaskNetwork

DECAYED, STACKED, FREE = range(3)


def parameter_groups(network: MultiTaskNetwork, decay_all: bool = False) -> list[dict[str, Any]]:
    """Trainable parameters in groups: matrices, stacks of matrices, and the rest.

    Norms, biases, embeddings and what is a vector for each task get no weight decay, unless
    `decay_all` is set, as in M3ViT. Only matrices are updated by Muon (timm's, key `use_fallback`;
    other optimisers ignore it): it would treat a stack such as the routers' (T, D, E) as a single
    matrix with a row per task. Parameters with a factor on the learning rate of their own (key
    `lr_factor`, which the schedule applies) are in groups of their own.
    """
    parts = (network.encoder, network.decoder)
    embeddings = {parameter for part in parts for parameter in part.embeddings()}
    private = {parameter for part in parts for parameter in part.private()}
    factors = network.encoder.learning_rates()
    members: dict[tuple[float, int], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            kind = _kind(parameter, parameter in embeddings, parameter in private)
            members.setdefault((factors.get(parameter, 1.0), kind), []).append(parameter)
    extra: list[dict[str, Any]] = [
        {},
        {"use_fallback": True},
        {"use_fallback": True} | ({} if decay_all else {"weight_decay": 0.0}),
    ]
    return [
        {"params": parameters, "lr_factor": factor} | extra[kind]
        for (factor, kind), parameters in sorted(members.items(), key=lambda entry: entry[0])
    ]


def balance_groups(rules: Iterable[Balance]) -> list[dict[str, Any]]:
    """What balancing rules learn, a group for each rule that does: no decay, no Muon."""
    learned = [(rule, list(rule.parameters())) for rule in rules]
    return [
        {"params": own, "lr_factor": rule.lr_factor, "use_fallback": True, "weight_decay": 0.0}
        for rule, own in learned
        if own
    ]


def _kind(parameter: nn.Parameter, is_embedding: bool, is_private: bool) -> int:
    """Which of the three groups; of a private parameter every task has a slice."""
    if is_embedding or parameter.ndim - is_private < 2:
        return FREE
    return STACKED if parameter.ndim == 3 else DECAYED
