"""One-to-one matching of edge pixels.

Legend: H W pixels, P pixels of a padded map, G true edge pixels, K offsets within max_distance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtl_ase.machine.compiled import compiled

Index = NDArray[np.int32]
NOBODY = -1


class Matching:
    """Matches many predictions of one image with its true edge pixels.

    The result is the size of a maximum bipartite matching between predicted and true pixels at most
    `max_distance` apart, so it is exact and deterministic.

    Our deviation: the benchmark's `correspondPixels` (BSDS, Martin 2003) solves a minimum-cost
    assignment. Its outlier cost is a hundred times the maximal distance, so that an additional pair
    almost always lowers the cost, and the optimum is a matching of maximum cardinality. But it adds
    only six random outlier edges per pixel and rounds costs, so its result is up to half a percent
    below the maximum and varies between calls.

    Method: Hopcroft and Karp (1973), O(E sqrt(V)) at worst, on the pixel grid, warm-started with
    the matching of the previous prediction, which at the next threshold is mostly still valid.

    Args:
        true_HW: true edge pixels.
        max_distance: largest distance of matched pixel centres, in pixels.
    """

    def __init__(self, true_HW: NDArray[np.bool_], max_distance: float) -> None:
        self.reach = reach = int(max_distance)
        row, column = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        square = row**2 + column**2
        near = np.flatnonzero(square <= max_distance**2)
        near = near[np.argsort(square.ravel()[near], kind="stable")]  # nearest first
        bordered_HW = np.pad(true_HW, reach)
        offset = row * bordered_HW.shape[1] + column
        self._offset_K = offset.ravel()[near].astype(np.int32)
        self._true_G = np.flatnonzero(bordered_HW).astype(np.int32)
        self._predicted_HW = np.zeros(bordered_HW.shape, bool)
        self._partner_G = np.full(self._true_G.size, NOBODY, np.int32)
        self._owner_P = np.full(bordered_HW.size, NOBODY, np.int32)

    def count(self, predicted_HW: NDArray[np.bool_]) -> int:
        """The number of predicted pixels that are matched to true ones."""
        height, width = predicted_HW.shape
        reach = self.reach
        self._predicted_HW[reach : reach + height, reach : reach + width] = predicted_HW
        predicted_P = self._predicted_HW.ravel()
        _part(predicted_P, self._partner_G, self._owner_P)
        start, near = _neighbours(predicted_P, self._true_G, self._offset_K)
        _pair_nearest(start, near, self._partner_G, self._owner_P)
        _augment(start, near, self._partner_G, self._owner_P)
        return int(np.count_nonzero(self._partner_G != NOBODY))


@compiled
def _part(predicted_P: NDArray[np.bool_], partner_G: Index, owner_P: Index) -> None:
    """Remove the pairs whose pixel is no longer predicted."""
    for g in range(partner_G.size):
        pixel = partner_G[g]
        if pixel != NOBODY and not predicted_P[pixel]:
            owner_P[pixel] = NOBODY
            partner_G[g] = NOBODY


@compiled
def _neighbours(
    predicted_P: NDArray[np.bool_], true_G: Index, offset_K: Index
) -> tuple[NDArray[np.int64], Index]:
    """Adjacency lists (CSR): near[start[g]:start[g + 1]] are the predicted pixels close to g."""
    start = np.empty(true_G.size + 1, np.int64)
    near = np.empty(true_G.size * offset_K.size, np.int32)
    count = 0
    for g in range(true_G.size):
        start[g] = count
        for k in range(offset_K.size):
            pixel = true_G[g] + offset_K[k]
            if predicted_P[pixel]:
                near[count] = pixel
                count += 1
    start[true_G.size] = count
    return start, near[:count]


@compiled
def _pair_nearest(start: NDArray[np.int64], near: Index, partner_G: Index, owner_P: Index) -> None:
    """Match every unmatched true pixel greedily to the nearest unmatched predicted one."""
    for g in range(partner_G.size):
        if partner_G[g] == NOBODY:
            for edge in range(start[g], start[g + 1]):
                if owner_P[near[edge]] == NOBODY:
                    partner_G[g] = near[edge]
                    owner_P[near[edge]] = g
                    break


@compiled
def _augment(start: NDArray[np.int64], near: Index, partner_G: Index, owner_P: Index) -> None:
    """Extend to a maximum matching by phases of disjoint shortest augmenting paths."""
    size = partner_G.size
    level, queue, path = (
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
    )
    ahead = np.empty(size, np.int64)  # next edge of the depth-first search, by true pixel
    while True:
        singles = _levels(start, near, partner_G, owner_P, level, queue)
        if singles == 0:
            return
        ahead[:] = start[:-1]
        for root in queue[:singles].copy():
            depth, path[0] = 0, root
            while depth >= 0:
                g = path[depth]
                if ahead[g] == start[g + 1]:
                    depth -= 1
                    continue
                other = owner_P[near[ahead[g]]]
                ahead[g] += 1
                if other == NOBODY:  # flip the pairs along the path
                    for step in range(depth, -1, -1):
                        pixel = near[ahead[path[step]] - 1]
                        partner_G[path[step]] = pixel
                        owner_P[pixel] = path[step]
                    break
                if level[other] == level[g] + 1:
                    depth += 1
                    path[depth] = other


@compiled
def _levels(
    start: NDArray[np.int64],
    near: Index,
    partner_G: Index,
    owner_P: Index,
    level: Index,
    queue: Index,
) -> int:
    """Breadth-first levels of true pixels, from the unmatched ones to the first augmenting path.

    Returns the number of unmatched true pixels, or 0 if there is no augmenting path.
    """
    tail = 0
    for g in range(partner_G.size):
        level[g] = NOBODY
        if partner_G[g] == NOBODY and start[g] < start[g + 1]:
            level[g] = 0
            queue[tail] = g
            tail += 1
    singles, head, last = tail, 0, partner_G.size + 1
    while head < tail:
        g = queue[head]
        head += 1
        if level[g] >= last:
            break
        for edge in range(start[g], start[g + 1]):
            other = owner_P[near[edge]]
            if other == NOBODY:
                last = level[g]
                break
            if level[other] == NOBODY:
                level[other] = level[g] + 1
                queue[tail] = other
                tail += 1
    return singles if last <= partner_G.size else 0
