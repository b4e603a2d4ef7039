"""Label maps of a rendered scene, all derived from which thing and limb a pixel shows.

Legend: N = HW pixels, K things (the scene's, then ground zones, then sky), H W pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mtl_ase.scenes.labels import PART_OF_LIMB
from mtl_ase.scenes.solids import Floats, Ints

SPREAD = 0.3
SMALLEST = 0.01
SHARE_OF_BEST = 0.3


def salient_things(thing_HW: Ints, candidate_K: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which things catch the eye, our rule: visible area, weighted towards the centre.

    score_k = sum over the pixels of thing k of exp(-(u^2 + v^2) / (2 SPREAD^2)), with u and v the
    distance from the picture's centre in picture widths and heights. A candidate is salient if
    its score is at least SHARE_OF_BEST of the best candidate's and it covers at least SMALLEST of
    the picture. Candidates are the things of VOC's twenty kinds.
    """
    height, width = thing_HW.shape
    v_H = (np.arange(height) + 0.5) / height - 0.5
    u_W = (np.arange(width) + 0.5) / width - 0.5
    weight_H, weight_W = (np.exp(-(x**2) / (2 * SPREAD**2)) for x in (v_H, u_W))
    count = candidate_K.size
    flat_N = thing_HW.ravel()
    score_K = np.bincount(flat_N, np.outer(weight_H, weight_W).ravel(), count)
    area_K = np.bincount(flat_N, minlength=count)
    eligible_K = candidate_K & (area_K >= SMALLEST * flat_N.size)
    best = score_K[candidate_K].max(initial=0.0)
    salient_K: NDArray[np.bool_] = eligible_K & (score_K >= SHARE_OF_BEST * best)
    return salient_K


def parts_of(limb_N: Ints) -> NDArray[np.uint8]:
    """Human parts 1..6 of limbs, 0 elsewhere."""
    return np.array(PART_OF_LIMB, np.uint8)[limb_N]


def camera_normals(rotation_33: Floats, normal_3N: Floats) -> Floats:
    """World normals in the axes of the label: x right, y down, z towards the viewer."""
    turned_3N = rotation_33 @ normal_3N
    turned_3N[2] *= -1
    return turned_3N
