"""The gradients of shared parameters, task by task.

Legend: T tasks, P elements of all shared parameters in one row, S the tasks that have a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from mtl_ase.balance import GradientRule
from mtl_ase.balance.gradient_rule import gramian
from mtl_ase.launch.world import average, joined_mean
from mtl_ase.model import MultiTaskNetwork, Routing
from mtl_ase.model.routing import DECODER


class TaskGradients:
    """The Jacobian of the tasks' losses in the shared parameters, over the batches of a step.

    Where every task has a pass of its own, the passes run with a view (T, ...) of every shared
    parameter; the gradient of that view is the Jacobian, from one backward pass. Other shared
    parameters, such as those of a trunk that all tasks run at once, get their rows from a backward
    pass for every task.

    The regularisers of the routers are told apart: their gradient is taken in the routers'
    parameters alone, and added to what the rule gives. Unlike in training without such a rule, it
    does not pass on through the tokens to the adapters of earlier layers.

    Args:
        network: the network.
        tasks: names of the tasks, in the order of the task axis.
        in_passes: use the one backward pass where it is possible.

    Attributes:
        jacobian_TP: what was added up since `begin`, times the loss scale; a row of zeros for a
            task without labels.
    """

    def __init__(
        self, network: MultiTaskNetwork, tasks: Sequence[str], in_passes: bool = True
    ) -> None:
        self.encoder, self.decoder = network.encoder, network.decoder
        self.tasks = list(tasks)
        alone = set(self._private()) | {p for owned in self._owned().values() for p in owned}
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.shared = [parameter for parameter in trained if parameter not in alone]
        several = in_passes and len(self.tasks) > 1
        self.in_passes = self.encoder.used_in_passes() if several else {}
        self.others = [p for p in self.shared if p not in set(self.in_passes.values())]
        self.sizes = [parameter.numel() for parameter in self.shared]
        self.num_elements = sum(self.sizes)
        self.jacobian_TP = torch.empty(0)
        self.losses_T = torch.empty(0)
        self.of_regularisers: dict[nn.Parameter, Tensor] = {}
        self.views: dict[nn.Parameter, Tensor] = {}

    def parameter_blocks(self) -> Tensor:
        """The block_P of every element, on the CPU: those of the adapters; all else is one more."""
        known, other = self.encoder.parameter_blocks(), torch.tensor(0)
        parts = [1 + known[p] if p in known else other for p in self.shared]
        numbers = zip(parts, self.shared, strict=True)
        block_P = torch.cat([part.int().expand(p.shape).flatten() for part, p in numbers])
        used = block_P.bincount() > 0
        return (used.cumsum(0) - 1).int()[block_P]

    def begin(self, step: bool = True) -> Mapping[str, Tensor]:
        """Begin a batch: views (T, ...) of parameters for the passes of single tasks.

        The gradients of the views add up in the Jacobian.

        Args:
            step: it is the first batch of a step: nothing is added up yet.
        """
        if step or not self.jacobian_TP.numel():
            first, num_tasks = self.shared[0].detach(), len(self.tasks)
            self.jacobian_TP = first.new_zeros(num_tasks, self.num_elements)
            self.losses_T = torch.zeros(num_tasks, device=first.device)
            self.of_regularisers = {}
        columns = self._columns()
        for parameter in self.in_passes.values():
            view = parameter.detach().expand(len(self.tasks), *parameter.shape).requires_grad_()
            view.register_post_accumulate_grad_hook(_add_to(columns[parameter]))
            self.views[parameter] = view
        return {name: self.views[parameter] for name, parameter in self.in_passes.items()}

    def add_losses(self, losses_T: Tensor, rows: Sequence[int]) -> None:
        """Add the losses of a batch, and the rows of what is not used in passes of single tasks.

        Args:
            losses_T: times the loss scale and the batch's share of the step.
            rows: places of these tasks on the task axis.
        """
        self.losses_T[list(rows)] += losses_T.detach()
        if not self.others:
            return
        columns = self._columns()
        for row, loss in zip(rows, losses_T.unbind(), strict=True):
            grads = torch.autograd.grad(
                loss, self.others, retain_graph=True, materialize_grads=True
            )
            for parameter, grad in zip(self.others, grads, strict=True):
                columns[parameter][row] += grad.flatten()

    def add_regularisers(self, loss: Tensor, routing: Sequence[Routing]) -> None:
        """Add the gradient of the regularisers in the routers' parameters.

        Args:
            loss: their weighted sum, times the loss scale and the batch's share of the step.
            routing: what the routers decided.
        """
        logits = [routed.logits_TBLE for routed in routing]
        slopes = torch.autograd.grad(loss, logits, retain_graph=True, allow_unused=True)
        for routed, slope_TBLE in zip(routing, slopes, strict=True):
            routers = self._routers(routed)
            if slope_TBLE is None or not routers:
                continue
            used = [self.views.get(parameter, parameter) for parameter in routers]
            grads = torch.autograd.grad(
                routed.logits_TBLE, used, slope_TBLE, retain_graph=True, allow_unused=True
            )
            for parameter, grad in zip(routers, grads, strict=True):
                if grad is not None:
                    grad = grad.sum(0) if grad.ndim > parameter.ndim else grad
                    before = self.of_regularisers.get(parameter)
                    self.of_regularisers[parameter] = grad if before is None else before + grad

    def gramians(self) -> dict[str, Tensor]:
        """The products of the tasks' gradients, (T, T), over what is shared in every layer.

        Of the means over all processes, on the CPU in 64 bits; layers without anything shared are
        left out.
        """
        average(self.jacobian_TP)
        columns = self._columns()
        layers = {**self.encoder.parameters_by_layer(), **self.decoder.parameters_by_layer()}
        parts = {
            name: [gramian(columns[p]) for p in parameters if p in columns]
            for name, parameters in layers.items()
        }
        return {name: torch.stack(products).sum(0) for name, products in parts.items() if products}

    def put(self, rule: GradientRule, scale: float, rows: Sequence[int] | None = None) -> Tensor:
        """Put the rule's gradient into the parameters.

        With several processes the Jacobian is averaged over all, so they agree.

        Args:
            rule: the balancing rule.
            scale: the loss scale, 1 but in 16-bit training with a scaler.
            rows: places of the rule's tasks on the task axis; None: it has all of them.

        Returns:
            The rule's weights_T of the tasks, on the CPU; NaN for those without a gradient, and for
            all if a gradient is not finite: a scaler skips this step.
        """
        jacobian_TP, losses_T = self._joined(scale)
        largest_T = torch.linalg.vector_norm(jacobian_TP, torch.inf, dim=1).tolist()
        weights_T = torch.full((len(self.tasks),), torch.nan, dtype=torch.float64)
        if not all(map(math.isfinite, largest_T)):
            return weights_T
        own = range(len(self.tasks)) if rows is None else rows
        if present := [row for row in own if largest_T[row]]:
            whole = len(present) == len(self.tasks)
            present_SP = jacobian_TP if whole else jacobian_TP[present]
            places = [own.index(row) for row in present]
            combined = rule.combine(present_SP, losses_T[present], places)
            weights_T[present] = combined.weights_T.double()
            self._put(combined.direction_P)
        if rule.weigh_private:
            self._weigh_private(weights_T.nan_to_num(1.0))
        for parameter, grad in self.of_regularisers.items():
            added = joined_mean(grad) / scale
            parameter.grad = added if parameter.grad is None else parameter.grad + added
        return weights_T

    def put_sum(self) -> None:
        """Put the plain sum into the parameters, so that a loss scaler finds what overflowed."""
        self._put(self.jacobian_TP.sum(0))

    def _put(self, direction_P: Tensor) -> None:
        for parameter, grad_P in zip(self.shared, direction_P.split(self.sizes), strict=True):
            parameter.grad = grad_P.to(parameter.dtype).view_as(parameter)

    def _joined(self, scale: float) -> tuple[Tensor, Tensor]:
        """Jacobian and losses, means over all processes; in place, as the Jacobian is large."""
        for value in (self.jacobian_TP, self.losses_T):
            average(value)
            if scale != 1:
                value /= scale
        return self.jacobian_TP, self.losses_T

    def _weigh_private(self, weights_T: Tensor) -> None:
        for parameter in self._private():
            if parameter.grad is not None:
                shape = (-1, *[1] * (parameter.ndim - 1))
                parameter.grad *= weights_T.to(parameter.grad).reshape(shape)
        owned = self._owned()
        for task, weight in zip(self.tasks, weights_T.tolist(), strict=True):
            for parameter in owned.get(task, ()):
                if parameter.grad is not None:
                    parameter.grad *= weight

    def _columns(self) -> dict[nn.Parameter, Tensor]:
        """The parts of the Jacobian, (T, elements), by parameter."""
        columns = self.jacobian_TP.split(self.sizes, dim=1)
        return dict(zip(self.shared, columns, strict=True))

    def _private(self) -> list[nn.Parameter]:
        return [*self.encoder.private(), *self.decoder.private()]

    def _owned(self) -> dict[str, list[nn.Parameter]]:
        parts = (self.encoder.of_tasks(), self.decoder.of_tasks())
        return {task: [p for part in parts for p in part.get(task, ())] for task in self.tasks}

    def _routers(self, routed: Routing) -> Sequence[nn.Parameter]:
        part = self.decoder if routed.site == DECODER else self.encoder
        return [p for p in part.routers_of(routed) if p.requires_grad]


def _add_to(column: Tensor) -> Callable[[Tensor], None]:
    """Moves a view's gradient to the Jacobian at once, so that there are never two of all."""

    def add(view: Tensor) -> None:
        assert view.grad is not None
        column.add_(view.grad.reshape(column.shape))
        view.grad = None

    return add


def loss_scale(trainer: pl.Trainer) -> float:
    """The factor that a scaler puts on the loss in the backward pass; 1 without one."""
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    return 1.0 if scaler is None else float(scaler.get_scale())
