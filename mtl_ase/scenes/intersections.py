"""Intersections of rays o + t d with the solids of `Shape`, in the solids' unit frames.

Each function returns t_N at which the ray enters the solid, inf where it misses; a ray that starts
inside a solid misses it. `form_N` is the parameter of the shape, see `Shape`.

Legend: N rays, 3 x y z.
"""

from __future__ import annotations

import numpy as np

from mtl_ase.scenes.solids import Floats

NEAREST = np.float32(0.05)
"""Least t of a hit (near plane)."""
FAR = np.float32(np.inf)


def enter_ball(o_3N: Floats, d_3N: Floats, form_N: Floats) -> Floats:
    """Smaller root of |o + t d|^2 = 1."""
    t_N, _ = _roots(_dot(d_3N, d_3N), _dot(o_3N, d_3N), _dot(o_3N, o_3N) - 1)
    return np.where(t_N > NEAREST, t_N, FAR)


def enter_box(o_3N: Floats, d_3N: Floats, form_N: Floats) -> Floats:
    """Slab method: the largest of the three entry values of t, if smaller than all exits."""
    inverse_3N = 1 / (d_3N + np.float32(1e-20))  # finite where the ray is parallel to a face
    middle_3N, reach_3N = -o_3N * inverse_3N, np.abs(inverse_3N)
    enter_N, leave_N = (middle_3N - reach_3N).max(0), (middle_3N + reach_3N).min(0)
    return np.where((enter_N < leave_N) & (enter_N > NEAREST), enter_N, FAR)


def enter_frustum(o_3N: Floats, d_3N: Floats, form_N: Floats) -> Floats:
    """Nearest of the lateral surface x^2 + y^2 = (m + k z)^2, |z| <= 1, and the facing cap."""
    m_N, k_N = (form_N + 1) / 2, (form_N - 1) / 2
    edge_N, slope_N = m_N + k_N * o_3N[2], k_N * d_3N[2]
    near_N, far_N = _roots(
        _dot(d_3N[:2], d_3N[:2]) - slope_N * slope_N,
        _dot(o_3N[:2], d_3N[:2]) - edge_N * slope_N,
        _dot(o_3N[:2], o_3N[:2]) - edge_N * edge_N,
    )
    cap_N, distance2_N = _cap(o_3N, d_3N)
    rim_N = np.where(d_3N[2] > 0, np.float32(1), form_N)
    t_N = np.where(distance2_N <= rim_N * rim_N, cap_N, FAR)
    t_N = np.minimum(t_N, _between_caps(near_N, o_3N, d_3N))
    t_N = np.minimum(t_N, _between_caps(far_N, o_3N, d_3N))
    return np.where(t_N > NEAREST, t_N, FAR)


def enter_ring(o_3N: Floats, d_3N: Floats, form_N: Floats) -> Floats:
    """Nearest of the outer and inner lateral surfaces and the facing annular cap."""
    a_N, b_N = _dot(d_3N[:2], d_3N[:2]), _dot(o_3N[:2], d_3N[:2])
    c_N = _dot(o_3N[:2], o_3N[:2])
    outer_N, _ = _roots(a_N, b_N, c_N - 1)
    _, inner_N = _roots(a_N, b_N, c_N - form_N * form_N)
    cap_N, distance2_N = _cap(o_3N, d_3N)
    t_N = np.where((distance2_N <= 1) & (distance2_N >= form_N * form_N), cap_N, FAR)
    t_N = np.minimum(t_N, _between_caps(outer_N, o_3N, d_3N))
    t_N = np.minimum(t_N, _between_caps(inner_N, o_3N, d_3N))
    return np.where(t_N > NEAREST, t_N, FAR)


ENTER = (enter_ball, enter_box, enter_frustum, enter_ring)
"""The intersection function of each `Shape`, in its order."""


def _dot(a_KN: Floats, b_KN: Floats) -> Floats:
    product_N: Floats = np.einsum("kn,kn->n", a_KN, b_KN)
    return product_N


def _roots(a_N: Floats, b_N: Floats, c_N: Floats) -> tuple[Floats, Floats]:
    """Both roots of a t^2 + 2 b t + c = 0, the smaller first (for a > 0); nan if not real."""
    root_N = np.sqrt(b_N * b_N - a_N * c_N)
    return (-b_N - root_N) / a_N, (root_N - b_N) / a_N


def _cap(o_3N: Floats, d_3N: Floats) -> tuple[Floats, Floats]:
    """T at the plane of the facing cap, and the squared distance from the axis there."""
    t_N = (-np.copysign(np.float32(1), d_3N[2]) - o_3N[2]) / d_3N[2]
    x_N, y_N = o_3N[0] + t_N * d_3N[0], o_3N[1] + t_N * d_3N[1]
    return t_N, x_N * x_N + y_N * y_N


def _between_caps(t_N: Floats, o_3N: Floats, d_3N: Floats) -> Floats:
    return np.where(np.abs(o_3N[2] + t_N * d_3N[2]) <= 1, t_N, FAR)
