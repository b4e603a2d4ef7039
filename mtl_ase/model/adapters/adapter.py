"""What every adapter is. Legend: T tasks, B images, L tokens, D width in, O width out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mtl_ase.base.errors import UserError
from mtl_ase.model.adapters.site import Site
from mtl_ase.model.adapters.stage_memory import StageMemory
from mtl_ase.model.routing import Routing


class Adapter(nn.Module, ABC):
    """Trained parameters at one site of a frozen encoder.

    A method is a subclass and one YAML of the group `model/adapter`. It adds nothing at step 0,
    unless its method replaces a part of the frozen weight.

    Docstrings of subclasses leave out the arguments that mean the same in all of them:

    - `site`: where this adapter stands (here, the only one).
    - `sites`: names of the sites of a block where one is built; a keyword with a default, which
      `model.adapter.sites=[...]` overrides. It is read off the signature, not by the constructor.
    - `alpha`: the update is scaled by alpha / r, where r is their `rank`.
    - `dropout`: share of the input of A that is set to 0 in training.

    Attributes:
        component: name under which its parameters are counted, routers apart.
        knows_tasks: whether its update differs between tasks; if no adapter's does and there is no
            task embedding, all tasks share one pass.
        mixes_tokens: whether the update of a token depends on other tokens of its image.
        takes_task_axis: whether `forward` also works with a weight of each task, (T, ...), in place
            of every shared one; else it is run by vmap where a balancing rule needs the gradients
            task by task, which takes longer.
        exact_start: whether the update is 0 at step 0, so that training starts from exactly the
            pretrained encoder.
    """

    component = "experts"
    knows_tasks = True
    mixes_tokens = False
    takes_task_axis = False
    exact_start = True

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    @abstractmethod
    def forward(self, x_TBLD: Tensor) -> tuple[Tensor, Routing | None]:
        """The update (T, B, L, O) that is added at the site, and the router's decisions."""

    def delta_weight(self, task: int) -> Tensor | None:
        """The update of a task as a matrix_OD; None if it depends on the input."""
        return None

    def routers(self) -> Sequence[nn.Parameter]:
        """The parameters that only weigh experts."""
        return []

    def private(self) -> Sequence[nn.Parameter]:
        """The parameters whose first axis is the task axis: no other task uses that part."""
        return []

    def parameter_blocks(self) -> dict[nn.Parameter, Tensor]:
        """Numbers from 0 on of the blocks that its parameters fall into, such as experts.

        By default, the whole adapter is one. A rule may balance the tasks in each by itself.

        Returns:
            For every parameter integers of a shape that broadcasts to its own.
        """
        return dict.fromkeys(self.parameters(), torch.tensor(0))

    def embeddings(self) -> Sequence[nn.Parameter]:
        """Shared tables of coefficients, which get no weight decay and no Muon."""
        return []

    def learning_rates(self) -> Mapping[nn.Parameter, float]:
        """Factors on the learning rate, where they are not 1."""
        return {}

    def after_step(self, routing: Routing) -> None:
        """Change what is not trained by gradients, after a step of the optimiser.

        Args:
            routing: what this adapter's router decided in the step, on this process.
        """

    def begin_stages(self) -> StageMemory | None:
        """What protects the tasks of earlier stages from here on; None for nothing, the default.

        Called after the adapter is built, if tasks are learned one after another; another call
        gives the same.
        """
        return None

    def routing(self, logits_TBLE: Tensor, gate_TBLE: Tensor) -> Routing:
        """Decisions of this adapter's router."""
        return Routing(self.site.layer, self.site.name, logits_TBLE, gate_TBLE.detach())

    @torch.no_grad()
    def merge(self, task: int, linear: nn.Linear | None) -> None:
        """Add the update of a task to the weight of the site's linear layer, in place.

        Args:
            task: its place on the task axis.
            linear: the layer; None beside a whole FFN.

        Raises:
            UserError: the update depends on the input, or the site is no linear layer.
        """
        layer, delta_OD = self.mergeable(task, linear)
        layer.weight += delta_OD.to(layer.weight.dtype)

    def mergeable(self, task: int, linear: nn.Linear | None) -> tuple[nn.Linear, Tensor]:
        """The layer and the matrix_OD that `merge` adds to its weight; raises what it raises."""
        delta_OD = self.delta_weight(task)
        if delta_OD is None or linear is None:
            reason = "its update depends on the input" if linear else "there is no linear layer"
            raise UserError(
                f"{type(self).__name__} at {self.site.name} of layer {self.site.layer} can't be "
                f"merged: {reason}; keep the adapter."
            )
        return linear, delta_OD
