"""HydraLoRA as loops. T tasks, B images, L tokens, D width in, O width out."""

from torch import Tensor

from tests.model.adapters.loops import by_token, logits, softmax


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """(32 / r) sum_e g_e(x) B_e (A x): one A for all."""
    rank = len(adapter.down_RD)

    def of_token(task: int, x_D: Tensor) -> Tensor:
        z_R = adapter.down_RD @ x_D
        y_O = x_D.new_zeros(len(adapter.up_OP))
        for e, weight in enumerate(softmax(logits(adapter.router_ED, x_D))):
            y_O = y_O + weight * (adapter.up_OP[:, e * rank : (e + 1) * rank] @ z_R)
        return 32 / rank * y_O

    return by_token(of_token, x_TBLD)


def num_parameters(site) -> int:
    """In total r D + N r O + N D for 4 B's of rank 4."""
    return 4 * site.width_in + 4 * 4 * site.width_out + 4 * site.width_in
