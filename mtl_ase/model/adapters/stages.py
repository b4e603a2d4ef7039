"""Stages for methods that need some, in an encoder that has none."""

from __future__ import annotations

from mtl_ase.model.adapters.site import Site


def ends_stage(site: Site, num_stages: int) -> bool:
    """Whether the site's block is the last of a stage, if all stages are equally long.

    With 12 blocks and 4 stages these are the blocks 2, 5, 8 and 11; with as many stages as blocks,
    or more, all are.
    """
    before, after = (num_stages * n // site.num_layers for n in (site.layer, site.layer + 1))
    return after > before
