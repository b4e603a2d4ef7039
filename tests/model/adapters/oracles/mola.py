"""MoLA as loops. T tasks, B images, L tokens, D width in, O width out."""

from torch import Tensor

from tests.model.adapters.loops import by_token, weighed_experts


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """(16 / 8) sum over the two experts with the largest logits of g_e B_e A_e x."""
    return by_token(lambda task, x_D: 16 / 8 * weighed_experts(adapter, x_D, 2), x_TBLD)


def num_parameters(site) -> int:
    """N (r (D + O) + D) for r = 8 and N = 2, 4, 6, 8 by quarters of the depth."""
    quarter = 4 * site.layer // site.num_layers
    return (2, 4, 6, 8)[quarter] * (8 * (site.width_in + site.width_out) + site.width_in)
