"""Differences between two mappings, as text for an error message."""

from __future__ import annotations

from collections.abc import Mapping

MAX_LISTED = 6


def differences(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    """The differing keys as "key: before -> now; ...", at most six of them; "" if none differs."""
    found = [
        f"{key}: {before.get(key, 'none')} -> {now.get(key, 'none')}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    more = f" and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
    return "; ".join(found[:MAX_LISTED]) + more
