"""C-LoRAE as loops. T tasks, B images, L tokens, D width in, O width out."""

from torch import Tensor

from tests.model.adapters.loops import by_token, logits, softmax


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """(32 / 16) (g_1 B_t A_t x + g_2 B A x), g = softmax(W x)."""

    def of_token(task: int, x_D: Tensor) -> Tensor:
        g_1, g_2 = softmax(logits(adapter.router_ED, x_D))
        universal_O = adapter.up_OP @ (adapter.down_RD @ x_D)
        own_O = adapter.private_up_TOJ[task] @ (adapter.private_down_TKD[task] @ x_D)
        return 32 / 16 * (g_1 * own_O + g_2 * universal_O)

    return by_token(of_token, x_TBLD)


def num_parameters(site) -> int:
    """(r + T (r / T)) (D + O) + 2 D for r = 16, r / T rounded down."""
    rank = 16 + site.num_tasks * (16 // site.num_tasks)
    return rank * (site.width_in + site.width_out) + 2 * site.width_in
