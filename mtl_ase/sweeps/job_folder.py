"""The name of a job's folder: the same for the same overrides, in whatever order."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from mtl_ase.sweeps.overrides import key_of, leaf, value_of

NOT_ITS_OWN = ("run_dir", "resume")
"""Keys that say where a sweep lies and how it goes on, not what a job is."""
LONGEST = 60
UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]+")


def own_overrides(overrides: Sequence[str]) -> list[str]:
    """Those that say what a job is."""
    return [override for override in overrides if key_of(override) not in NOT_ITS_OWN]


def job_folder(overrides: Sequence[str]) -> str:
    """A part to read and eight digits of a hash, e.g. `rank_4-seed_1-0a1b2c3d`.

    It is one name without a slash, whatever the values are, and needs no quotes as `run=FOLDER`.
    """
    own = sorted(own_overrides(overrides))
    digits = hashlib.sha256(json.dumps(own).encode()).hexdigest()[:8]
    return f"{_readable(own)}-{digits}"


def _readable(overrides: Sequence[str]) -> str:
    """Short ones first: numbers are swept more often than paths."""
    items = [_safe(f"{leaf(key_of(item))}_{value_of(item)}") for item in overrides]
    text = ""
    for item in sorted(items, key=lambda item: (len(item), item)):
        longer = f"{text}-{item}" if text else item
        if text and len(longer) > LONGEST:
            break
        text = longer
    return text[:LONGEST].rstrip("-.") or "job"


def _safe(text: str) -> str:
    return UNSAFE.sub("-", text).strip("-.")
