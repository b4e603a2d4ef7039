"""Binding every node of a config to the signature of what it builds."""

from __future__ import annotations

import inspect
import pkgutil
import re
from typing import Any

from omegaconf import DictConfig

from mtl_ase.config import nodes

# Arguments that the code hands over at the call: by path of the node.
CALL_SITE = {
    r"model": {"channels"},
    r"model\.adapter": {"width", "num_tasks"},
    r"model\.adapter\.gate": {"num_experts", "top_k", "num_shared"},
    r"model\.head": {"width", "channels"},
    r"model\.lora": {"block"},
    r"data": {"tasks", "counts"},
    r"tasks\.\w+": {"name"},
    r"training": {"network", "tasks", "dataset"},
    r"training\.optimizer": {"params"},
    r"trainer": {"logger", "callbacks"},
    r"tasks\.\w+\.activation": {"logits_CHW"},
    r"tasks\.\w+\.colours": {"ids_HW", "map_HW", "normals_CHW", "depth_HW"},
}


def check_binding(config: DictConfig) -> int:
    """Bind every node and count them; AssertionError names the first that does not fit."""
    count = 0
    for path, node in nodes(config):
        check_node(path, node)
        count += 1
    return count


def check_node(path: str, node: dict[str, Any]) -> None:
    """Keys of the node and of the call site together must be what the constructor takes."""
    signature = inspect.signature(pkgutil.resolve_name(node["_target_"]))
    named = {
        name: parameter
        for name, parameter in signature.parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }
    given = {key for key in node if key not in {"_target_", "_partial_", "_recursive_"}}
    at_call = next((keys for key, keys in CALL_SITE.items() if re.fullmatch(key, path)), set())
    unknown = given - named.keys()
    assert not unknown, f"{path}: {node['_target_']} takes no {sorted(unknown)}"
    twice = given & at_call
    assert not twice, f"{path}: {sorted(twice)} come from the call site"
    needed = {name for name, parameter in named.items() if parameter.default is parameter.empty}
    missing = needed - given - at_call
    assert not missing, f"{path}: {node['_target_']} needs {sorted(missing)}"
