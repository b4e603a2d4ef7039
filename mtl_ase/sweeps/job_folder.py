"""The name of a job's folder, a function of its overrides; their order does not matter."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from mtl_ase.sweeps.overrides import key_of, leaf, value_of

SWEEP_KEYS = ("run_dir", "resume")
"""Keys of the sweep's folder and of resuming, which do not tell jobs apart."""
MAX_READABLE = 60
UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]+")


def own_overrides(overrides: Sequence[str]) -> list[str]:
    """The overrides that identify a job: all but `run_dir` and `resume`."""
    return [override for override in overrides if key_of(override) not in SWEEP_KEYS]


def job_folder(overrides: Sequence[str]) -> str:
    """A readable part and eight hex digits of a hash, e.g. `rank_4-seed_1-0a1b2c3d`.

    The name has no slash and only characters that need no quotes in `run=FOLDER`.
    """
    own = sorted(own_overrides(overrides))
    return f"{_readable(own)}-{fingerprint(own)}"


def fingerprint(overrides: Sequence[str]) -> str:
    """Eight hex digits of a hash of overrides in any order."""
    return hashlib.sha256(json.dumps(sorted(overrides)).encode()).hexdigest()[:8]


def _readable(overrides: Sequence[str]) -> str:
    """At most 60 characters, short overrides first: numbers are swept more often than paths."""
    items = [safe(f"{leaf(key_of(item))}_{value_of(item)}") for item in overrides]
    text = ""
    for item in sorted(items, key=lambda item: (len(item), item)):
        longer = f"{text}-{item}" if text else item
        if text and len(longer) > MAX_READABLE:
            break
        text = longer
    return text[:MAX_READABLE].rstrip("-.") or "job"


def safe(text: str) -> str:
    """A text with only characters that need no quotes in a folder's name."""
    return UNSAFE.sub("-", text).strip("-.")
