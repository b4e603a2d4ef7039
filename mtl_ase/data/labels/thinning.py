"""Morphological thinning to lines one pixel wide, 64 pixels at a time.

Legend: H W pixels; R C rows and columns of 64-bit words, a border of empty ones included.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtl_ase.machine.compiled import compiled

Words = NDArray[np.uint64]

ONE, LAST, NONE = np.uint64(1), np.uint64(63), np.uint64(0)


def thin(mask_HW: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin a mask until it no longer changes; beyond the border everything is background.

    Each round deletes, at once, all pixels that meet conditions G1, G2, G3, and then all that meet
    G1, G2, G3'. Source: Guo and Hall 1989 as surveyed by Lam, Lee and Suen 1992 (page 879), the
    `bwmorph(mask, "thin", Inf)` of the edge benchmarks. Only 64-pixel words next to the last
    changes are processed again.
    """
    words_RC = pack_bits(mask_HW)
    _thin(words_RC.ravel(), words_RC.shape[1])
    return unpack_bits(words_RC, mask_HW.shape[1])


def pack_bits(mask_HW: NDArray[np.bool_]) -> Words:
    """Pack a mask; pixel (x, y) is bit x % 64 of word 1 + x // 64 in row 1 + y."""
    height, width = mask_HW.shape
    words_RC = np.zeros((height + 2, -(-width // 64) + 2), np.uint64)
    bytes_HW = np.packbits(mask_HW, axis=1, bitorder="little")
    words_RC.view(np.uint8)[1:-1, 8 : 8 + bytes_HW.shape[1]] = bytes_HW
    return words_RC


def unpack_bits(words_RC: Words, width: int) -> NDArray[np.bool_]:
    """Undo `pack_bits`, for a mask of this width."""
    inner = np.ascontiguousarray(words_RC[1:-1, 1:-1]).view(np.uint8)
    return np.unpackbits(inner, axis=1, count=width, bitorder="little").view(np.bool_)


@compiled
def _thin(words: Words, row: int) -> None:
    """Thin in place; `words` is the flat map, `row` the number of words in a row."""
    size = words.size
    todo = np.empty((2, size), np.int32)  # queued words of the first and the second half-step
    listed = np.zeros((2, size), np.bool_)
    count = np.zeros(2, np.int64)
    doomed, place = np.empty(size, np.uint64), np.empty(size, np.int32)
    for at in range(row + 1, size - row - 1):
        _list(at, words, todo, listed, count)
    while count[0] + count[1] > 0:
        for half in range(2):
            found = 0
            for k in range(count[half]):
                at = todo[half, k]
                listed[half, at] = False
                bits = _deletable(words, at, row, half == 0)
                if bits != NONE:
                    doomed[found], place[found] = bits, at
                    found += 1
            count[half] = 0
            for k in range(found):
                words[place[k]] &= ~doomed[k]
            for k in range(found):
                west = 1 if doomed[k] & ONE != NONE else 0
                east = 1 if doomed[k] >> LAST != NONE else 0
                for above in (-row, 0, row):
                    for at in range(place[k] + above - west, place[k] + above + east + 1):
                        _list(at, words, todo, listed, count)


@compiled
def _list(
    at: int,
    words: Words,
    todo: NDArray[np.int32],
    listed: NDArray[np.bool_],
    count: NDArray[np.int64],
) -> None:
    """Queue a word for the next half-step of each kind, unless it is empty or queued already."""
    if words[at] != NONE:
        for half in range(2):
            if not listed[half, at]:
                listed[half, at] = True
                todo[half, count[half]] = at
                count[half] += 1


@compiled
def _deletable(words: Words, at: int, row: int, first: bool) -> np.uint64:
    """Which pixels of a word meet the conditions; x1 is to the east, then counter-clockwise."""
    here, north, south = words[at], words[at - row], words[at + row]
    x1, x5 = (here >> ONE) | (words[at + 1] << LAST), (here << ONE) | (words[at - 1] >> LAST)
    x2 = (north >> ONE) | (words[at - row + 1] << LAST)
    x4 = (north << ONE) | (words[at - row - 1] >> LAST)
    x6 = (south << ONE) | (words[at + row - 1] >> LAST)
    x8 = (south >> ONE) | (words[at + row + 1] << LAST)
    x3, x7 = north, south
    run1, run2, run3, run4 = ~x1 & (x2 | x3), ~x3 & (x4 | x5), ~x5 & (x6 | x7), ~x7 & (x8 | x1)
    one_run = (run1 ^ run2 ^ run3 ^ run4) & ~(run1 & run2) & ~(run3 & run4)  # G1: exactly one
    a1, a2, a3, a4 = x1 | x2, x3 | x4, x5 | x6, x7 | x8
    b1, b2, b3, b4 = x2 | x3, x4 | x5, x6 | x7, x8 | x1
    two_a = (a1 & a2) | (a3 & a4) | ((a1 | a2) & (a3 | a4))
    two_b = (b1 & b2) | (b3 & b4) | ((b1 | b2) & (b3 | b4))
    pairs = two_a & two_b & ~(a1 & a2 & a3 & a4 & b1 & b2 & b3 & b4)  # G2: the least is 2 or 3
    side = ~((x2 | x3 | ~x8) & x1) if first else ~((x6 | x7 | ~x4) & x5)  # G3, G3'
    return here & one_run & pairs & side
