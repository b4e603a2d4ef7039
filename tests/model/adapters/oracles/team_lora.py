"""TeamLoRA as loops. T tasks, B images, L tokens, D width in, O width out."""

from torch import Tensor
from torch.nn.functional import gelu

from tests.model.adapters.loops import by_token, expert, softmax


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """(32 / 16) sum_i omega_i B_i z_i, omega_i = sum_j M_ij phi_j, phi = softmax(S(x))."""
    first, _, second = adapter.scores
    interaction_EE = adapter.interaction_EE
    rank = len(adapter.down_RD) // len(interaction_EE)

    def of_token(task: int, x_D: Tensor) -> Tensor:
        hidden_H = gelu(first.weight @ x_D + first.bias)
        phi = softmax(list(second.weight @ hidden_H + second.bias))
        y_O = x_D.new_zeros(len(adapter.up_OP))
        for i in range(len(phi)):
            omega = sum(interaction_EE[i, j] * phi[j] for j in range(len(phi)))
            y_O = y_O + omega * expert(adapter.down_RD, adapter.up_OP, i, rank, x_D)
        return 32 / 16 * y_O

    return by_token(of_token, x_TBLD)


def num_parameters(site) -> int:
    """In total k r_B (D + O), S with 32 hidden units, and M, for k = 4 and r_B = 16."""
    width_in, k, hidden = site.width_in, 4, 32
    scores = hidden * width_in + hidden + k * hidden + k
    return k * 16 * (width_in + site.width_out) + scores + k * k
