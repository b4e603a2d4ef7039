"""Slow, plain versions of what the edge score is made of."""

from __future__ import annotations

import numpy as np

COMPASS = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]  # x1 .. x8


def is_deleted(mask: np.ndarray, row: int, column: int, first_half: bool) -> bool:
    height, width = mask.shape
    x = {}
    for k, (down, right) in enumerate(COMPASS, start=1):
        r, c = row + down, column + right
        x[k] = bool(0 <= r < height and 0 <= c < width and mask[r, c])
    x[9] = x[1]
    crossings = sum(not x[2 * i - 1] and (x[2 * i] or x[2 * i + 1]) for i in range(1, 5))
    n1 = sum(x[2 * k - 1] or x[2 * k] for k in range(1, 5))
    n2 = sum(x[2 * k] or x[2 * k + 1] for k in range(1, 5))
    if first_half:
        third = (x[2] or x[3] or not x[8]) and x[1]
    else:
        third = (x[6] or x[7] or not x[4]) and x[5]
    return crossings == 1 and 2 <= min(n1, n2) <= 3 and not third


def slow_thin(mask: np.ndarray) -> np.ndarray:
    while True:
        before = mask
        for first_half in (True, False):
            doomed = [
                (row, column)
                for row, column in np.argwhere(mask)
                if is_deleted(mask, row, column, first_half)
            ]
            mask = mask.copy()
            for row, column in doomed:
                mask[row, column] = False
        if (mask == before).all():
            return mask


def brute_force(predicted: np.ndarray, true: np.ndarray, max_distance: float) -> int:
    """Kuhn's algorithm: look for an augmenting path from each predicted pixel."""
    first, second = np.argwhere(predicted), np.argwhere(true)
    close = [
        [g for g, q in enumerate(second) if ((p - q) ** 2).sum() <= max_distance**2] for p in first
    ]
    owner: dict[int, int] = {}

    def augment(p: int, seen: set[int]) -> bool:
        for g in close[p]:
            if g not in seen:
                seen.add(g)
                if g not in owner or augment(owner[g], seen):
                    owner[g] = p
                    return True
        return False

    return sum(augment(p, set()) for p in range(len(first)))
