"""Training and validation as Lightning sees them: forward, losses, log.

Legend: T tasks, B images, C channels, H W pixels, E experts, N layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mtl_ase.base.bounds import Count, Seed, Weight
from mtl_ase.data import Batch
from mtl_ase.evaluation import EvalProtocol, Reference
from mtl_ase.evaluation.scorer import TRAINING, Scorer
from mtl_ase.losses import MutualInformation, WeightedSum
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.tasks import Task
from mtl_ase.training.checkpoint_fit import check_content, check_fits
from mtl_ase.training.exact_resume import ExactResume, seed_everything_at, training_steps
from mtl_ase.training.finite_losses import FiniteLosses, Nonfinite
from mtl_ase.training.frozen_weights import FrozenWeights
from mtl_ase.training.joined_losses import no_cost, num_processes, task_losses
from mtl_ase.training.parameter_groups import parameter_groups

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]


class MultiTaskModule(pl.LightningModule):
    """A network, its tasks and how they are trained together.

    Loss: sum_t w_t L_t + router_weight * L_MI (arXiv 2510.00570 and Mod-Squad, arXiv 2212.08066).

    Args:
        network: what to train.
        tasks: by name, in the order of the task axis.
        optimizer: makes the optimiser from parameter groups.
        schedule: factor on the learning rate, from step and number of steps.
        router_weight: weight of the mutual-information regulariser.
        reference: single-task results for delta_m.
        dataset: name of the data set.
        protocol: by which predictions are scored.
        evaluating: score as evaluate.py does: in both orders, keeping every image's counts.
        seed: of all that is random in the network while it trains.
        nonfinite: what to do when a loss is not a finite number: "raise", or "skip" the batch.
        max_skipped: batches to skip in a row at most.
        full_checkpoints: put frozen weights into checkpoints too, though a file has them.
        decay_all: norms, biases and embeddings decay like other weights.
    """

    def __init__(
        self,
        network: nn.Module,
        tasks: Mapping[str, Task],
        optimizer: MakeOptimizer,
        schedule: Callable[[int, int], float],
        router_weight: Weight = 0.005,
        reference: Reference | None = None,
        dataset: str = "",
        protocol: EvalProtocol = TRAINING,
        evaluating: bool = False,
        seed: Seed = 0,
        nonfinite: Nonfinite = "raise",
        max_skipped: Count = 10,
        full_checkpoints: bool = False,
        decay_all: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.tasks = network, tasks
        self.losses = nn.ModuleDict({name: task.loss for name, task in tasks.items()})
        self.weighted_sum = WeightedSum({name: task.weight for name, task in tasks.items()})
        self.router_loss, self.router_weight = MutualInformation(), router_weight
        self.scorer = Scorer(tasks, reference, dataset, protocol, evaluating, evaluating)
        self.make_optimizer, self.schedule = optimizer, schedule
        self.decay_all = decay_all
        self.results: dict[str, float | None] = dict.fromkeys([*self.scorer.metrics, "delta_m"])
        self.seed = seed
        self.guard = FiniteLosses(nonfinite, max_skipped)
        self.frozen, self.full_checkpoints = FrozenWeights(network), full_checkpoints

    def configure_callbacks(self) -> list[pl.Callback]:
        """What every training needs, whatever `callbacks` says."""
        return [ExactResume()]

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        """Draw this batch's random numbers from (seed, batch, process), whatever came before."""
        seed_everything_at(self.seed, self.trainer.fit_loop.total_batch_idx, self.global_rank)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out weights that a file has."""
        if not self.full_checkpoints:
            self.frozen.leave_out(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Complete the weights.

        Raises:
            UserError: it was trained on another frozen backbone, or is of another network.
        """
        check_content(checkpoint)
        self.frozen.put_back(checkpoint)
        check_fits(checkpoint, self.state_dict())

    def training_step(self, batch: Batch, batch_index: int) -> dict[str, Any] | None:
        """A batch's loss, and its routing for the callbacks; None leaves the batch out.

        Among several processes a batch that is left out costs 0 instead, since the sum of their
        gradients waits for all of them.

        The device is waited for only here, to look at the loss before it reaches the weights.

        Raises:
            NonfiniteLoss: the loss is not a finite number, and such batches are not left out.
        """
        logits, routing = self.network(batch.image_BCHW)
        losses = task_losses(self.losses, logits, batch)
        total = self.weighted_sum(losses)
        if routing:
            router_loss = self.router_loss(torch.stack([layer.prob_TE for layer in routing]))
            total = total + self.router_weight * router_loss
            self.log("train/router/loss", router_loss.detach())
        self._log_losses(total, losses)
        if not self.guard.accepts(total, losses, self.global_step, batch.image_ids):
            return None if num_processes() == 1 else {"loss": no_cost(self), "routing": []}
        return {"loss": total * batch.window.correction, "routing": routing}

    def on_validation_epoch_start(self) -> None:
        """Take the first process's running statistics everywhere: those that checkpoints hold."""
        if self.trainer.world_size > 1:
            for buffer in self.network.buffers():
                torch.distributed.broadcast(buffer, src=0)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Score a batch."""
        self.scorer.update(self.network(batch.image_BCHW).logits, batch)

    def on_validation_epoch_end(self) -> None:
        """Gather the scores of all processes, log them and start anew."""
        self.results = self.scorer.compute()
        known = {f"val/{key}": value for key, value in self.results.items() if value is not None}
        self.log_dict({"val/loss": self.scorer.loss.compute(), **known}, sync_dist=True)
        self.scorer.reset()

    def configure_optimizers(self) -> Any:
        """The optimiser over two groups, and the schedule per step."""
        assert isinstance(self.network, MultiTaskNetwork)
        optimizer = self.make_optimizer(parameter_groups(self.network, self.decay_all))
        num_steps = training_steps(self.trainer)
        scheduler = LambdaLR(optimizer, lambda step: self.schedule(step, num_steps))
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def _log_losses(self, total: Tensor, losses: Mapping[str, Tensor]) -> None:
        self.log("train/loss", total.detach(), prog_bar=True)
        for name, loss in losses.items():
            self.log(f"train/{name}/loss", loss.detach(), prog_bar=True)
