"""Experts as most code computes them, in a loop. Legend: T tasks, B images, L tokens, E experts."""

from __future__ import annotations

import torch
from torch import Tensor

from mtl_ase.model.adapters import RoutedExperts
from mtl_ase.model.routing import Routing


class LoopedExperts(RoutedExperts):
    """`RoutedExperts` in a loop: gather every expert's tokens, scatter its updates."""

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing | None]:
        """The update (T, B, L, O) that is added at the site, and the router's decisions."""
        gate_TBLE, routing = self.gates(x_TBLD)
        x_ND, gate_NE = x_TBLD.flatten(0, 2), gate_TBLE.flatten(0, 2).to(x_TBLD.dtype)
        y_NO = x_ND.new_zeros(len(x_ND), len(self.up_OP))
        parts = zip(
            self.down_RD.chunk(self.num_experts), self.up_OP.chunk(self.num_experts, 1), strict=True
        )
        for e, (down_RD, up_OR) in enumerate(parts):
            own_M = gate_NE[:, e].nonzero().squeeze(1)
            z_MR = torch.nn.functional.linear(x_ND[own_M], down_RD) * gate_NE[own_M, e, None]
            update_MO = torch.nn.functional.linear(z_MR, self.scale * up_OR)
            y_NO = y_NO.index_add(0, own_M, update_MO.to(y_NO.dtype))
        return y_NO.unflatten(0, x_TBLD.shape[:3]), routing
