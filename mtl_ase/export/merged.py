"""Adapters merged into the weights where that changes nothing but the speed."""

from __future__ import annotations

import copy
from typing import cast

from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.adapters import Adapter
from mtl_ase.model.encoders import ViTEncoder
from mtl_ase.model.encoders.vit_block import ViTBlock


def merged(network: MultiTaskNetwork) -> MultiTaskNetwork:
    """A copy whose adapters are merged into linear layers where the update is the same for all.

    That is plain LoRA and, for a network of one task, whatever does not depend on the input.

    Args:
        network: the network; it stays as it is.
    """
    network = copy.deepcopy(network)
    encoder = network.encoder
    if type(encoder) is not ViTEncoder:
        return network
    for block in cast(list[ViTBlock], list(encoder.blocks)):
        for site, linear in block.linears().items():
            if site not in block.adapters:
                continue
            adapter = cast(Adapter, block.adapters[site])
            same = not adapter.knows_tasks or encoder.num_tasks == 1
            if same and adapter.delta_weight(0) is not None:
                adapter.merge(0, linear)
                del block.adapters[site]
    return network
