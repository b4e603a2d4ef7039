"""Weightings of the library TorchJD. Legend: T, S tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mtl_ase.balance.gradient_rule import GramianRule
from mtl_ase.balance.shared_randomness import SharedRandomness
from mtl_ase.base.bounds import Seed
from mtl_ase.base.errors import UserError


class TorchJDWeighting(GramianRule):
    """Any weighting of TorchJD that needs the Gramian alone, and remembers nothing.

    Source: TorchJD (github.com/SimplexLab/TorchJD). Those that we have not: `DualProjWeighting`,
    `KrumWeighting`; `UPGradWeighting`, `CAGradWeighting` and `FairGradWeighting` solve what ours
    do by other means. Some need more packages; TorchJD says which. Its weightings with a state
    (GradVac, PCD, CR-MOGM, ...) lose it when a training is resumed, so they are refused.

    Args:
        weights: of the tasks by name, in the order of the task axis.
        weighting: from `torchjd.aggregation`.
        seed: of the run, for weightings that draw random numbers.
        weigh_private: multiply the gradients of what only one task uses by its weight, too.

    Raises:
        UserError: the weighting is none, or has a state.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        weighting: nn.Module,
        seed: Seed = 0,
        weigh_private: bool = False,
    ) -> None:
        super().__init__(weights, weigh_private)
        self.weighting = weighting
        self.randomness = SharedRandomness(seed)
        _check(weighting)

    def weigh(self, gramian_TS: Tensor, losses_T: Tensor, rows: Sequence[int]) -> Tensor:
        """The weighting's weights_T, from random numbers that all processes share."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.randomness.generator().get_state())
            weights_T: Tensor = self.weighting(gramian_TS)
        return weights_T


def _check(weighting: nn.Module) -> None:
    from torchjd import Stateful
    from torchjd.aggregation import Weighting

    name = type(weighting).__name__
    if not isinstance(weighting, Weighting):
        raise UserError(
            f"TorchJDWeighting: {name} is no weighting of TorchJD but something else; choose a "
            "class torchjd.aggregation.NAMEWeighting."
        )
    if any(isinstance(part, Stateful) for part in weighting.modules()):
        raise UserError(
            f"TorchJDWeighting: {name} has a state that is lost when a training is resumed; choose "
            "a weighting without one."
        )
