"""SMoRA as loops. T tasks, B images, L tokens, D width in, O width out."""

from torch import Tensor

from tests.model.adapters.loops import by_token, logits

TOP_K = 8


def update(adapter, x_TBLD: Tensor) -> Tensor:
    """(16 / k) sum over the k ranks of largest s_i of (k s_i / sum s) b_i (a_i . x)."""
    bias_R = adapter.bias_E.repeat_interleave(len(adapter.down_RD) // len(adapter.bias_E))

    def of_token(task: int, x_D: Tensor) -> Tensor:
        z = logits(adapter.router_ED, x_D)
        partition = len(bias_R) // len(z)
        score = [z[i // partition].sigmoid() + b for i, b in enumerate(bias_R)]
        kept = sorted(range(len(score)), key=lambda i: -float(score[i].detach()))[:TOP_K]
        total = sum(score[i] for i in kept)
        y_O = x_D.new_zeros(len(adapter.up_OP))
        for i in kept:
            gate = TOP_K * score[i] / total
            y_O = y_O + gate * adapter.up_OP[:, i] * (adapter.down_RD[i] @ x_D)
        return 16 / TOP_K * y_O

    return by_token(of_token, x_TBLD)


def num_parameters(site) -> int:
    """R (D + O) + R D for 64 ranks; the bias isn't trained."""
    return 64 * (site.width_in + site.width_out) + 64 * site.width_in
