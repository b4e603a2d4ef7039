"""SAME's experts as loops. T tasks, B images, L tokens, D width in, O width out."""

from torch import Tensor

from tests.model.adapters.loops import by_token, weighed_experts


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """(16 / 8) sum_e w_e B_e A_e x, w = softmax(W x)."""
    return by_token(lambda task, x_D: 16 / 8 * weighed_experts(adapter, x_D), x_TBLD)


def num_parameters(site) -> int:
    """N (r (D + O) + D) for 8 experts of rank 8."""
    return 8 * (8 * (site.width_in + site.width_out) + site.width_in)
