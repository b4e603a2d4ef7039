"""JSON files of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mtl_ase.base.errors import UserError


def read_json(path: Path) -> dict[str, Any]:
    """The content of a file; empty if there is none.

    Raises:
        UserError: it holds something else.
    """
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no JSON file ({error}); remove it, or run again.") from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no keys; remove it, or run again.")
    return content


def read_scores(path: Path) -> dict[str, float | None]:
    """The scores in a file by key; empty if there is none.

    Raises:
        UserError: a value is no number.
    """
    content = read_json(path)
    for key, value in content.items():
        if value is not None and not isinstance(value, int | float):
            raise UserError(f"{path}: {key}={value} is no number; remove it, or run again.")
    return content
