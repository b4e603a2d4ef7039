"""Fine-grained experts beside the FFN. Legend: T tasks, B images, L tokens, D O widths."""

from __future__ import annotations

from torch import Tensor, nn

from mtl_ase.base.bounds import Count, Positive
from mtl_ase.model.adapters.adapter import Adapter
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.fine_grained_mlp import FineGrainedMLP
from mtl_ase.model.routing import Routing


class FGMoE(Adapter):
    """FGMoE as an adapter: a narrow `FineGrainedMLP` beside the frozen layer, W2 = V2 = 0 at first.

    Source: FGMoE, arXiv 2507.19077, of which only the abstract was read; see `FineGrainedMLP`. The
    paper puts these MLPs into the decoder (model/decoder=fgmoe) and keeps the encoder frozen; this
    place and these widths are ours.

    Args:
        hidden: hidden units of all routed experts of a task together.
        num_experts: routed experts of a task, among which they are split.
        top_k: routed experts of a token.
        shared_hidden: hidden units of a task's shared expert; 0: there is none.
        global_hidden: hidden units of the expert that serves all tasks; 0: there is none.
    """

    def __init__(
        self,
        site: Site,
        hidden: Positive,
        num_experts: Positive,
        top_k: Positive,
        shared_hidden: Count,
        global_hidden: Count,
        sites: Sites = ("ffn",),
    ) -> None:
        super().__init__(site)
        shape = (site.num_tasks, site.width_in, site.width_out)
        self.mlp = FineGrainedMLP(*shape, hidden, num_experts, top_k, shared_hidden, global_hidden)
        for up in self.mlp.ups():
            nn.init.zeros_(up)

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """The update (T, B, L, O) that is added at the site, and the routers' decisions."""
        y_TBLO, logits_TBLE, gate_TBLE = self.mlp(x_TBLD)
        return y_TBLO, self.routing(logits_TBLE, gate_TBLE)

    def routers(self) -> list[nn.Parameter]:
        """The routers of the tasks, and what weighs the global expert."""
        return self.mlp.routers()

    def private(self) -> list[nn.Parameter]:
        """All but the global expert."""
        return self.mlp.private()
