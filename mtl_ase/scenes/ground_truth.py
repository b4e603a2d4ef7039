"""Label maps of a rendered scene, derived from the visible thing and limb of every pixel.

Legend: N = HW pixels, K things (the scene's, then ground zones, then sky), H W pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtl_ase.scenes.labels import PART_OF_LIMB
from mtl_ase.scenes.solids import Floats, Ints

SPREAD = 0.3
MIN_AREA_SHARE = 0.01
MIN_SCORE_SHARE = 0.3


def salient_things(thing_HW: Ints, candidate_K: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which things are salient: those of large visible area near the image centre (our own rule).

    score_k = sum over the pixels of thing k of exp(-(u^2 + v^2) / (2 SPREAD^2)), with u and v the
    distance from the image centre in image widths and heights. A candidate is salient if its score
    is at least MIN_SCORE_SHARE of the highest score of a candidate, and its area at least
    MIN_AREA_SHARE of the image.

    Args:
        thing_HW: number of the visible thing at every pixel.
        candidate_K: whether a thing may be salient; True for VOC's twenty kinds.
    """
    height, width = thing_HW.shape
    v_H = (np.arange(height) + 0.5) / height - 0.5
    u_W = (np.arange(width) + 0.5) / width - 0.5
    weight_H, weight_W = (np.exp(-(x**2) / (2 * SPREAD**2)) for x in (v_H, u_W))
    count = candidate_K.size
    flat_N = thing_HW.ravel()
    score_K = np.bincount(flat_N, np.outer(weight_H, weight_W).ravel(), count)
    area_K = np.bincount(flat_N, minlength=count)
    eligible_K = candidate_K & (area_K >= MIN_AREA_SHARE * flat_N.size)
    best = score_K[candidate_K].max(initial=0.0)
    salient_K: NDArray[np.bool_] = eligible_K & (score_K >= MIN_SCORE_SHARE * best)
    return salient_K


def parts_of(limb_N: Ints) -> NDArray[np.uint8]:
    """Human-part ids 1 to 6 of limb numbers; 0 where there is no person."""
    return np.array(PART_OF_LIMB, np.uint8)[limb_N]


def camera_normals(rotation_33: Floats, normal_3N: Floats) -> Floats:
    """Rotate world normals into the label's axes: x right, y down, z towards the viewer."""
    turned_3N = rotation_33 @ normal_3N
    turned_3N[2] *= -1
    return turned_3N
