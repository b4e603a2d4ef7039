"""MLPs of every task that are split into experts along their hidden units.

Legend: T tasks, B images, L tokens, D width in, O width out, E routed experts, F hidden units of a
task (of the routed experts, then of the shared one), G hidden units of the global expert.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, pad

from mtl_ase.base.bounds import Count, Positive
from mtl_ase.base.errors import UserError
from mtl_ase.base.numerics import at_least_float32


class FineGrainedMLP(nn.Module):
    """An MLP a task, split into experts along its hidden units, and one MLP for all tasks.

    y_t = W2_t (m_t(x) * gelu(W1_t x)) + gamma_t(x) V2 gelu(V1 x).

    The hidden units of W1_t, W2_t are E routed experts of equal size and one shared expert, where
    "shared" means by all tokens of the task. The mask m_t is softmax(R_t x) over the k largest
    logits for the routed experts and 1 for the shared one. V1, V2 are the global expert, weighted
    by gamma_t(x) = sigmoid(u_t x + b_t).

    Source: FGMoE, arXiv 2507.19077, of which only the abstract was read. It names the three kinds
    of experts and says that the global one depends on "input feature and task requirements". Ours
    are the rest: the renormalised top-k, the activation, no biases, and for gamma a linear map per
    task (one of [x; e_t] would shift all tokens of a task alike). With k = 1 the kept weight is
    always 1, so the router gets no gradient from the losses of the tasks.

    Args:
        num_tasks: T, length of the task axis.
        width_in: D, features of a token that comes in.
        width_out: O, features of a token that goes out.
        hidden: hidden units of all routed experts of a task together.
        num_experts: E, routed experts of a task.
        top_k: k, routed experts of a token.
        shared_hidden: hidden units of a task's shared expert; 0: there is none.
        global_hidden: G, hidden units of the global expert; 0: there is none.

    Raises:
        UserError: the hidden units can't be split evenly, or there are not k experts.
    """

    def __init__(
        self,
        num_tasks: int,
        width_in: int,
        width_out: int,
        hidden: Positive,
        num_experts: Positive,
        top_k: int,
        shared_hidden: Count,
        global_hidden: Count,
    ) -> None:
        super().__init__()
        if num_experts < 1 or hidden < 1 or hidden % num_experts:
            raise UserError(
                f"hidden={hidden} units can't be split evenly into num_experts={num_experts}; "
                "choose a multiple."
            )
        if not 1 <= top_k <= num_experts:
            raise UserError(
                f"top_k={top_k} does not fit num_experts={num_experts}; choose 1 to {num_experts}."
            )
        self.num_experts, self.top_k = num_experts, top_k
        self.expert_hidden, self.shared_hidden = hidden // num_experts, shared_hidden
        width = hidden + shared_hidden
        self.down_TFD = _uniform(num_tasks, width, width_in)
        self.up_TOF = _uniform(num_tasks, width_out, width)
        self.router_TED = nn.Parameter(torch.empty(num_tasks, num_experts, width_in))
        nn.init.trunc_normal_(self.router_TED, std=0.02)
        self.has_global = global_hidden > 0
        if self.has_global:
            self.global_down_GD = _uniform(global_hidden, width_in)
            self.global_up_OG = _uniform(width_out, global_hidden)
            self.gamma_TD = nn.Parameter(torch.zeros(num_tasks, width_in))
            self.gamma_bias_T = nn.Parameter(torch.zeros(num_tasks))

    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The output y_TBLO, the routed experts' logits_TBLE, and the weights of all experts.

        The weights_TBLE are of the routed experts, then of the shared and the global one.
        """
        logits_TBLE = at_least_float32(torch.einsum("tbld,ted->tble", x_TBLD, self.router_TED))
        gate_TBLE = self._keep_top_k(logits_TBLE)
        if self.shared_hidden:
            gate_TBLE = pad(gate_TBLE, (0, 1), value=1.0)
        hidden_TBLF = gelu(torch.einsum("tbld,tfd->tblf", x_TBLD, self.down_TFD))
        hidden_TBLF = hidden_TBLF * self._mask(gate_TBLE).to(hidden_TBLF.dtype)
        y_TBLO = torch.einsum("tblf,tof->tblo", hidden_TBLF, self.up_TOF)
        if self.has_global:
            gamma_TBL1 = self._gamma(x_TBLD)
            hidden_TBLG = gelu(linear(x_TBLD, self.global_down_GD))
            hidden_TBLG = hidden_TBLG * gamma_TBL1.to(hidden_TBLG.dtype)
            y_TBLO = y_TBLO + linear(hidden_TBLG, self.global_up_OG)
            gate_TBLE = torch.cat([gate_TBLE, gamma_TBL1], -1)
        return y_TBLO, logits_TBLE, gate_TBLE

    def ups(self) -> list[nn.Parameter]:
        """The second layers: zero for an output of zero at the start."""
        return [self.up_TOF, *([self.global_up_OG] if self.has_global else [])]

    def routers(self) -> list[nn.Parameter]:
        """The parameters that only weigh experts."""
        return [self.router_TED, *([self.gamma_TD, self.gamma_bias_T] if self.has_global else [])]

    def private(self) -> list[nn.Parameter]:
        """The parameters whose first axis is the task axis: all but the global expert."""
        return [self.down_TFD, self.up_TOF, *self.routers()]

    def _keep_top_k(self, logits_TBLE: Tensor) -> Tensor:
        """Softmax over the k largest logits of every token, 0 for the other experts."""
        largest_TBLK, chosen_TBLK = logits_TBLE.topk(self.top_k, dim=-1)
        return torch.zeros_like(logits_TBLE).scatter(-1, chosen_TBLK, largest_TBLK.softmax(-1))

    def _mask(self, gate_TBLE: Tensor) -> Tensor:
        """Weights_TBLF of the hidden units of a task."""
        routed_TBLE, shared_TBLE = gate_TBLE.tensor_split([self.num_experts], -1)
        routed_TBLF = routed_TBLE.repeat_interleave(self.expert_hidden, -1)
        return torch.cat([routed_TBLF, shared_TBLE.repeat_interleave(self.shared_hidden, -1)], -1)

    def _gamma(self, x_TBLD: Tensor) -> Tensor:
        """Weights_TBL1 of the global expert."""
        score_TBL = torch.einsum("tbld,td->tbl", x_TBLD, self.gamma_TD)
        score_TBL = at_least_float32(score_TBL) + self.gamma_bias_T[:, None, None]
        return score_TBL.sigmoid()[..., None]


def _uniform(*shape: int) -> nn.Parameter:
    """Weights as PyTorch's linear layers draw them; the last axis is the fan-in."""
    bound = shape[-1] ** -0.5
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
