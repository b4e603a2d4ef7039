"""Gates: router logits -> expert weights. The only place where the methods of the paper differ.

| gate             | softmax over                 | then                        | shared experts  |
|------------------|------------------------------|-----------------------------|-----------------|
| SoftmaxTopK      | all experts                  | keep the k largest, sum < 1 | none            |
| NaiveShared      | the sparse experts           | keep the k largest, sum < 1 | weight 1        |
| AdaptiveShared   | the k largest and the shared | nothing, sum = 1            | from the router |
| RenormalisedTopK | the k largest                | nothing, sum = 1            | none            |

Legend: T tasks, B images, L tokens, E experts (the sparse ones first, the S shared ones last).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mtl_ase.base.errors import UserError


def top_k_mask(logits_TBLE: Tensor, k: int) -> Tensor:
    """True for exactly the k largest logits of every token."""
    chosen_TBLK = logits_TBLE.topk(k, dim=-1).indices
    return torch.zeros_like(logits_TBLE, dtype=torch.bool).scatter(-1, chosen_TBLK, True)


class Gate(nn.Module):
    """Base class of the gates: holds and checks the expert counts.

    Args:
        num_experts: all experts of a layer, shared ones included (the paper's N).
        top_k: sparse experts used by a token, shared ones excluded (the paper's k).
        num_shared: experts used by every token (the paper's S).

    Attributes:
        shared_allowed: whether the gate supports shared experts.
        shared_have_logits: whether the router gives logits for the shared experts too.
        num_sparse: num_experts - num_shared.
        num_logits: logits per token that the router must give.

    Raises:
        UserError: the counts do not fit together.
    """

    shared_allowed = True
    shared_have_logits = True

    def __init__(self, num_experts: int, top_k: int, num_shared: int) -> None:
        super().__init__()
        num_sparse = num_experts - num_shared
        if num_shared < 0 or num_sparse < 1:
            raise UserError(
                f"model.adapter.num_shared={num_shared} leaves no sparse expert of "
                f"model.adapter.num_experts={num_experts}; choose 0 to {num_experts - 1}."
            )
        if not 1 <= top_k <= num_sparse:
            raise UserError(
                f"model.adapter.top_k={top_k} does not fit the {num_sparse} sparse experts "
                f"(num_experts={num_experts} minus num_shared={num_shared}); "
                f"choose 1 to {num_sparse}."
            )
        if num_shared and not self.shared_allowed:
            raise UserError(
                f"model.adapter.num_shared={num_shared}, but the gate {type(self).__name__} has "
                "no shared experts; set it to 0 or choose the gate AdaptiveShared."
            )
        self.num_experts, self.top_k, self.num_shared = num_experts, top_k, num_shared
        self.num_sparse = num_sparse
        self.num_logits = num_experts if self.shared_have_logits else num_sparse

    def extra_repr(self) -> str:
        """The counts in the paper's notation, N/k/S."""
        return f"{self.num_experts}/{self.top_k}/{self.num_shared}"


class SoftmaxTopK(Gate):
    """The LoRA-MoE baseline: softmax over all experts, top-k, not renormalised (Eq. 1-3)."""

    shared_allowed = False

    def forward(self, logits_TBLE: Tensor) -> Tensor:
        """Weights_TBLE of all experts; 0 for those not selected."""
        return logits_TBLE.softmax(-1) * top_k_mask(logits_TBLE, self.top_k)


class NaiveShared(Gate):
    """The baseline over the sparse experts, plus shared experts with weight 1 (Eq. 5)."""

    shared_have_logits = False

    def forward(self, logits_TBLE: Tensor) -> Tensor:
        """Weights_TBLE of all experts, from logits of the sparse ones only."""
        sparse_TBLE = logits_TBLE.softmax(-1) * top_k_mask(logits_TBLE, self.top_k)
        return nn.functional.pad(sparse_TBLE, (0, self.num_shared), value=1.0)


class AdaptiveShared(Gate):
    """ASE: one softmax over the k largest sparse logits and all shared logits (Eq. 6-10)."""

    def forward(self, logits_TBLE: Tensor) -> Tensor:
        """Weights_TBLE of all experts; those of a token sum to 1."""
        sparse_TBLE, shared_TBLE = logits_TBLE.tensor_split([self.num_sparse], -1)
        largest_TBLK, chosen_TBLK = sparse_TBLE.topk(self.top_k, dim=-1)
        weights_TBLK = torch.cat([largest_TBLK, shared_TBLE], -1).softmax(-1)
        of_chosen_TBLK, of_shared_TBLE = weights_TBLK.tensor_split([self.top_k], -1)
        of_sparse_TBLE = torch.zeros_like(sparse_TBLE).scatter(-1, chosen_TBLK, of_chosen_TBLK)
        return torch.cat([of_sparse_TBLE, of_shared_TBLE], -1)


class RenormalisedTopK(AdaptiveShared):
    """The control: ASE's softmax, but no shared experts (our addition, not in the paper)."""

    shared_allowed = False
