"""Soft mixtures of low-rank experts that see mixtures of tokens instead of tokens.

Legend: T tasks, B images, L tokens, P patch tokens, D width in, E experts (the task's own, then the
shared ones), K slots of an expert, S = E * K slots, R ranks of all experts, Q ranks of one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mtl_ase.base.bounds import Positive, Weight
from mtl_ase.base.numerics import at_least_float32
from mtl_ase.model.adapters.private_low_rank import PrivateLowRank
from mtl_ase.model.adapters.site import Site, Sites
from mtl_ase.model.routing import Routing


class SMoLA(PrivateLowRank):
    """Omni-SMoLA: a set of experts for each task and one for all, Y = sum_e C_e f_e(D_e^T X).

    X are the patch tokens of an image, f_e(u) = scale * B_e A_e u. The logits X Phi have a column
    for each of an expert's slots: D is their softmax over the tokens, so that a slot is a mean of
    tokens; C is their softmax over the slots of a set, so that a token gets a mean of slots.
    Prefix tokens get 0. Computed in rank space, as A_e is linear, by D and C in float32. As slots
    blur positions, plain LoRA stays on the linear layers (configs/model/adapter).

    Source: Omni-SMoLA, arXiv 2312.00968 (abstract), and Soft MoE, arXiv 2308.00951 (Algorithm 1).
    The paper has a set for each modality and one for all; ours are for tasks. Ours are the ranks
    and counts, and Phi ~ N(0, 1 / D) without Soft MoE's normalisation of X and Phi, as X comes from
    a layer norm.

    Args:
        num_experts: experts of each task.
        num_shared: experts of all tasks.
        num_slots: K, slots of an expert.
        rank: Q, of one expert.
        alpha_per_rank: the update is scaled by it.
    """

    mixes_tokens = True

    def __init__(
        self,
        site: Site,
        num_experts: Positive,
        num_shared: Positive,
        num_slots: Positive,
        rank: Positive,
        alpha_per_rank: Weight = 2.0,
        sites: Sites = ("ffn",),
    ) -> None:
        super().__init__(site, num_experts * rank, num_shared * rank, alpha_per_rank)
        self.rank, self.num_slots, self.num_experts = rank, num_slots, num_shared
        own, shared, std = num_experts * num_slots, num_shared * num_slots, site.width_in**-0.5
        phi_TDS = std * torch.randn(site.num_tasks, site.width_in, own)
        phi_DS = std * torch.randn(site.width_in, shared)
        self.private_router_TDS, self.router_DS = map(nn.Parameter, (phi_TDS, phi_DS))

    def gates(self, x_TBLD: Tensor) -> tuple[Tensor, Routing]:
        """Slot logits_TBLS; an expert's weight is C summed over its slots, 0 for prefix tokens."""
        own_TBLS = torch.einsum("tbld,tds->tbls", x_TBLD, self.private_router_TDS)
        logits_TBLS = at_least_float32(torch.cat([own_TBLS, x_TBLD @ self.router_DS], -1))
        slots_TBLEK = self._log_combine(logits_TBLS).unflatten(-1, (-1, self.num_slots))
        log_weights_TBLE = slots_TBLEK.logsumexp(-1)
        weights_TBPE = log_weights_TBLE[:, :, self.site.num_prefix :].exp()
        weights_TBLE = pad(weights_TBPE, (0, 0, self.site.num_prefix, 0))
        return logits_TBLS, self.routing(log_weights_TBLE, weights_TBLE)

    def mix(self, z_TBLR: Tensor, logits_TBLS: Tensor) -> Tensor:
        """C_e (D_e^T Z_e) for every expert, by the slot logits; 0 for prefix tokens."""
        num_prefix, slots = self.site.num_prefix, (-1, self.num_slots)
        logits_TBPS = logits_TBLS[:, :, num_prefix:]
        with torch.autocast(z_TBLR.device.type, enabled=False):
            z_TBPR = z_TBLR[:, :, num_prefix:].to(logits_TBPS.dtype)
            dispatch_TBPEK = logits_TBPS.softmax(2).unflatten(-1, slots)
            combine_TBPEK = self._log_combine(logits_TBPS).exp().unflatten(-1, slots)
            z_TBPEQ = z_TBPR.unflatten(-1, (-1, self.rank))
            slots_TBEKQ = torch.einsum("tbpek,tbpeq->tbekq", dispatch_TBPEK, z_TBPEQ)
            y_TBPEQ = torch.einsum("tbpek,tbekq->tbpeq", combine_TBPEK, slots_TBEKQ)
        return pad(y_TBPEQ.flatten(-2).to(z_TBLR.dtype), (0, 0, num_prefix, 0))

    def routers(self) -> list[nn.Parameter]:
        """Phi of the tasks and of the shared set."""
        return [self.private_router_TDS, self.router_DS]

    def private(self) -> list[nn.Parameter]:
        """Each task's own set and its Phi."""
        return [*super().private(), self.private_router_TDS]

    def _log_combine(self, logits_TBLS: Tensor) -> Tensor:
        """Log C_TBLS: a softmax over the slots of each set."""
        sets = logits_TBLS.tensor_split([self.private_router_TDS.shape[-1]], -1)
        return torch.cat([logits.log_softmax(-1) for logits in sets], -1)
