"""Sites for tests."""

from __future__ import annotations

from mtl_ase.model.adapters import Site


def make_site(
    name="fc1",
    num_tasks=3,
    width_in=8,
    width_out=12,
    grid_hw=(2, 3),
    num_prefix=1,
    layer=1,
    num_layers=4,
    weight_OD=None,
):
    """A site of a small encoder."""
    return Site(
        name, layer, num_layers, width_in, width_out, num_tasks, grid_hw, num_prefix, weight_OD
    )
