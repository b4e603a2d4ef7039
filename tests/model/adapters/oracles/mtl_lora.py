"""MTL-LoRA as loops. T tasks, B images, L tokens, D width in, O width out, R rank."""

import torch
from torch import Tensor

from tests.model.adapters.loops import by_token, softmax

TEMPERATURE = 0.1


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """(16 / r) sum_i exp(w_t^i / tau) / sum_j exp(w_t^j / tau) B^i Lambda_t A x."""
    rank = len(adapter.down_RD)

    def of_token(task: int, x_D: Tensor) -> Tensor:
        core = adapter.task_core[task]
        lambda_RR = torch.diag(core) if core.ndim == 1 else core
        z_R = lambda_RR @ (adapter.down_RD @ x_D)
        y_O = x_D.new_zeros(len(adapter.up_OP))
        for i, weight in enumerate(softmax(list(adapter.choice_TE[task] / TEMPERATURE))):
            y_O = y_O + weight * (adapter.up_OP[:, i * rank : (i + 1) * rank] @ z_R)
        return 16 / rank * y_O

    return by_token(of_token, x_TBLD)


def num_parameters(site) -> int:
    """In total r D + T r^2 + n r O + T n for r = 8 and n = 3."""
    r, n, tasks = 8, 3, site.num_tasks
    return r * site.width_in + tasks * r * r + n * r * site.width_out + tasks * n
