"""Task-routed experts with any gate as loops (arXiv 2510.00570).

T tasks, B images, L tokens, D width in, O width out, E experts, r rank of one.
"""

import torch
from torch import Tensor

from mtl_ase.model.adapters import AdaptiveShared, NaiveShared, RenormalisedTopK, SoftmaxTopK


def largest(z, k):
    """Indices of the k largest, T(x) of the paper."""
    return sorted(range(len(z)), key=lambda i: -float(z[i].detach()))[:k]


def softmax_over(z, active):
    """Weights of the active experts, exp z_i / sum over the active; 0 for the others."""
    total = sum(z[i].exp() for i in active)
    return [z[i].exp() / total if i in active else 0.0 for i in range(len(z))]


def softmax_top_k(z, k, num_shared):
    """Eq. 1-3: softmax over all N; what is not among the k largest gets 0."""
    kept = largest(z, k)
    return [g if i in kept else 0.0 for i, g in enumerate(softmax_over(z, range(len(z))))]


def naive_shared(z, k, num_shared):
    """Eq. 5: the same over the sparse experts, then S experts of weight 1."""
    return softmax_top_k(z, k, 0) + [1.0] * num_shared


def adaptive_shared(z, k, num_shared):
    """Eq. 6-10: one softmax over the k largest sparse logits and all shared ones."""
    num_sparse = len(z) - num_shared
    return softmax_over(z, largest(z[:num_sparse], k) + list(range(num_sparse, len(z))))


RULES = {
    SoftmaxTopK: softmax_top_k,
    NaiveShared: naive_shared,
    AdaptiveShared: adaptive_shared,
    RenormalisedTopK: adaptive_shared,
}


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """sum_e g_e(x, t) (alpha / r) B_e A_e x, token by token and expert by expert; alpha = 2 r."""
    gate = adapter.gate
    rank = adapter.down_RD.shape[0] // gate.num_experts
    tasks = []
    for t, x_BLD in enumerate(x_TBLD):
        router_DE = adapter.router.logits_TDE[t]
        rows = []
        for x_D in x_BLD.flatten(0, 1):
            z = [torch.dot(router_DE[:, e], x_D) for e in range(gate.num_logits)]
            y_O = x_D.new_zeros(adapter.up_OP.shape[0])
            for e, g in enumerate(RULES[type(gate)](z, gate.top_k, gate.num_shared)):
                own = slice(e * rank, (e + 1) * rank)
                y_O = y_O + g * 2.0 * (adapter.up_OP[:, own] @ (adapter.down_RD[own] @ x_D))
            rows.append(y_O)
        tasks.append(torch.stack(rows).unflatten(0, x_BLD.shape[:2]))
    return torch.stack(tasks)


def num_parameters(site) -> int:
    """N r (D + O) of the experts and 2 T D N of the routers and their noise, 16/3/1/4."""
    experts = 16 * 4 * (site.width_in + site.width_out)
    return experts + 2 * site.num_tasks * site.width_in * 16
