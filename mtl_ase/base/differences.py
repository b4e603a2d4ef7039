"""In what two sets of values differ, for a sentence."""

from __future__ import annotations

from collections.abc import Mapping

SHOWN = 6


def differences(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """The keys that differ, each with both values, the first few; empty if none does."""
    found = [
        f"{key}: {before.get(key, 'none')} -> {now.get(key, 'none')}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more
