"""Loading weights whose names and shapes must be a module's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mtl_ase.base.errors import UserError

COUNTER = "num_batches_tracked"
"""Of batch norms that average over all batches; no network here does, and old files lack it."""


def load_matching(module: nn.Module, state: Mapping[str, Any], found: str, advice: str) -> None:
    """Load weights into a module; all must be there, none may be left over.

    Args:
        module: the module to load into.
        state: weights by their names in the module.
        found: what the weights are, for the message.
        advice: the next step, for the message.

    Raises:
        UserError: names or shapes differ; says how many and which is first.
    """
    own, given = _shapes(module.state_dict()), _shapes(state)
    wrong = sorted(name for name in own.keys() | given.keys() if own.get(name) != given.get(name))
    if wrong:
        raise UserError(
            f"{found} do not fit the network: {len(wrong)} weights differ, first {wrong[0]}; "
            f"{advice}."
        )
    module.load_state_dict({name: state[name] for name in own}, strict=False)


def _shapes(state: Mapping[str, Any]) -> dict[str, object]:
    """Shapes by name; for what is no tensor, its type."""
    return {
        name: value.shape if isinstance(value, Tensor) else type(value).__name__
        for name, value in state.items()
        if not name.endswith(COUNTER)
    }
