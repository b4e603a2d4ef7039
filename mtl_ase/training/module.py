"""The LightningModule: training and validation steps, losses and logging.

Legend: T tasks, B images, C channels, H W pixels, E experts, N layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Protocol, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mtl_ase.balance import Balance, FixedWeights, GradientRule
from mtl_ase.base.bounds import Count, Seed
from mtl_ase.base.errors import UserError
from mtl_ase.data import Batch
from mtl_ase.evaluation import EvalProtocol, Reference
from mtl_ase.evaluation.scorer import TRAINING, Scorer
from mtl_ase.launch.world import joined_mean, num_processes, share_buffers
from mtl_ase.losses import Regulariser
from mtl_ase.model import MultiTaskNetwork, Routing
from mtl_ase.tasks import Task
from mtl_ase.training.after_step import AfterStep
from mtl_ase.training.checkpoint_fit import check_content, check_fits
from mtl_ase.training.exact_resume import ExactResume, seed_everything_at, training_steps
from mtl_ase.training.finite_losses import FiniteLosses, Nonfinite
from mtl_ase.training.frozen_weights import FrozenWeights
from mtl_ase.training.joined_losses import no_cost, task_losses
from mtl_ase.training.other_tasks import (
    Kept,
    kept_weights,
    labelled_for,
    rest_norms,
    routed_for,
    unchanged,
)
from mtl_ase.training.parameter_groups import balance_groups, parameter_groups
from mtl_ase.training.stage_statistics import Memories, begin_stages, due, observe_inputs
from mtl_ase.training.stages import Stage, StagePlan, Stages
from mtl_ase.training.task_gradients import TaskGradients, loss_scale

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]


class MakeBalance(Protocol):
    """A balancing rule with all but the tasks' weights bound."""

    def __call__(self, *, weights: Mapping[str, float]) -> Balance:
        """Build the rule for these tasks."""


class MultiTaskModule(pl.LightningModule):
    """Training of a network on several tasks: all at once, or one stage of tasks after another.

    Loss: sum_t w_t L_t + sum_r w_r L_r over tasks t and regularisers r of the routers; the paper
    (arXiv 2510.00570) has one of them, mutual information. Other balancing rules replace the first
    sum or combine the tasks' gradients (docs/balancing.md). With stages the sums are over the tasks
    of the stage at hand, the schedule and the optimiser begin anew in each, and what no task of it
    uses stays as it is (docs/continual.md).

    A step is: `training_step`, forward pass and losses; the backward pass; for rules that combine
    gradients `on_before_optimizer_step`; clipping; the optimiser; `after_step`.

    Args:
        network: the network to train.
        tasks: tasks by name, in the order of the task axis.
        optimizer: function from parameter groups to the optimiser.
        schedule: function of (step, number of steps): factor on the learning rate.
        balance: makes the rule that balances the tasks, given their weights.
        regularisers: losses on the routers' decisions, by name.
        reference: single-task results for delta_m.
        dataset: name of the data set.
        protocol: evaluation protocol of validations.
        evaluating: validate as evaluate.py does: in both orders, with the counts of every image.
        seed: seed of the randomness in the network during training (dropout, router noise).
        nonfinite: on a loss that is NaN or infinite: "raise", or "skip" the batch.
        max_skipped: most batches that may be skipped in a row.
        full_checkpoints: also save frozen weights that a weights file contains.
        decay_all: apply weight decay to norms, biases and embeddings too.
        stages: tasks that are learned together, stage by stage; None: all at once.
        compiled: train with torch.compile, block by block; weights and checkpoints are the same.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        tasks: Mapping[str, Task],
        optimizer: MakeOptimizer,
        schedule: Callable[[int, int], float],
        balance: MakeBalance = FixedWeights,
        regularisers: Mapping[str, Regulariser] | None = None,
        reference: Reference | None = None,
        dataset: str = "",
        protocol: EvalProtocol = TRAINING,
        evaluating: bool = False,
        seed: Seed = 0,
        nonfinite: Nonfinite = "raise",
        max_skipped: Count = 10,
        full_checkpoints: bool = False,
        decay_all: bool = False,
        stages: Stages | None = None,
        compiled: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.tasks = network, tasks
        self.losses = nn.ModuleDict({name: task.loss for name, task in tasks.items()})
        used = {name: part for name, part in (regularisers or {}).items() if part.weight}
        self.regularisers = nn.ModuleDict(used)
        self.scorer = Scorer(tasks, reference, dataset, protocol, evaluating, evaluating)
        self.make_optimizer, self.schedule = optimizer, schedule
        self.decay_all = decay_all
        self.results: dict[str, float | None] = dict.fromkeys([*self.scorer.metrics, "delta_m"])
        self.seed = seed
        self.guard = FiniteLosses(nonfinite, max_skipped)
        self.frozen, self.full_checkpoints = FrozenWeights(network), full_checkpoints
        self.stages, self.plan = stages, StagePlan(list(tasks), stages)
        weights = [{task: tasks[task].weight for task in s.tasks} for s in self.plan.stages]
        self.balances = nn.ModuleList(balance(weights=of_stage) for of_stage in weights)
        self.gradients = TaskGradients(network, list(tasks), in_passes=not self.plan.several)
        for rule in cast(Iterable[Balance], self.balances):
            if rule.uses_gradients and not self.gradients.shared:
                raise UserError(
                    f"{type(rule).__name__} combines the gradients of what all tasks share, but "
                    "nothing that is trained is shared here; choose an adapter with "
                    "model/adapter=NAME, or balance=fixed."
                )
            behind = set(network.decoder.parameters()) & set(self.gradients.shared)
            if rule.uses_maps and (behind or self.plan.several):
                raise UserError(
                    f"{type(rule).__name__} weighs all tasks by gradients in maps of their own, "
                    "which needs model/decoder=heads and data.stages=null; or choose another rule."
                )
            if rule.uses_gradients:
                rule.allocate(self.gradients.parameter_blocks())
        self.planned_steps: int | None = None  # of the checkpoint that is resumed from
        self.compiled = compiled and not evaluating
        if self.compiled:
            for part in (*network.encoder.compiled_parts(), *network.decoder.compiled_parts()):
                part.compile()
        self.memories: Memories = begin_stages(network.encoder) if self.plan.several else []

    def configure_callbacks(self) -> list[pl.Callback]:
        """The callbacks that every training needs, in addition to the configured ones."""
        return [ExactResume(), AfterStep()]

    def on_train_batch_start(self, batch: Batch, batch_index: int) -> None:
        """Seed the generators from (seed, batch, rank), independently of earlier batches."""
        seed_everything_at(self.seed, self.trainer.fit_loop.total_batch_idx, self.global_rank)
        if self.plan.several:
            self._turn_to_stage()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out frozen weights that a weights file contains; add what stages depend on."""
        if self.plan.several:
            checkpoint["planned_steps"] = self.plan.num_steps
        if not self.full_checkpoints:
            self.frozen.leave_out(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the frozen weights that the checkpoint leaves out.

        Raises:
            UserError: the checkpoint's frozen backbone or network differs from this one.
        """
        check_content(checkpoint)
        self.frozen.put_back(checkpoint)
        check_fits(checkpoint, self.state_dict())
        self.planned_steps = checkpoint.get("planned_steps")

    @property
    def stage(self) -> Stage:
        """The stage of the optimiser step at hand; without stages, the only one."""
        return self.plan.at(self.global_step)

    @property
    def balance(self) -> Balance:
        """The balancing rule of the stage at hand."""
        return self.balance_at(self.global_step)

    def balance_at(self, step: int) -> Balance:
        """The balancing rule of an optimiser step, counted from 0."""
        return cast(Balance, self.balances[self.plan.at(step).number])

    def training_step(self, batch: Batch, batch_index: int) -> dict[str, Any] | None:
        """The batch's loss, and its routing for callbacks; None skips the batch.

        With several processes a skipped batch has loss 0 instead, since the gradient all-reduce
        needs all of them. Nothing here waits for the device, unless `nonfinite` is "skip".

        Raises:
            NonfiniteLoss: too many batches were skipped in a row.
        """
        stage, balance = self.stage, self.balance
        if looking := due(self.memories, stage, self.global_step):
            observe_inputs(self.network.encoder, looking, batch.image_BCHW, stage)
        views = None
        if balance.uses_gradients:
            views = self.gradients.begin(batch_index % self.trainer.accumulate_grad_batches == 0)
        logits, routing = self.network(batch.image_BCHW, views, balance.watch_maps)
        losses = self.stage_losses(logits, batch, stage)
        total = balance(losses)
        extra = total.new_zeros(())
        if routing and self.regularisers:
            extra = self._regularisation(routed_for(routing, stage, len(self.tasks)))
        self._log_losses(total + extra, losses)
        if not self.guard.accepts(total + extra, losses, self.global_step, batch.image_ids):
            return None if num_processes() == 1 else {"loss": no_cost(self), "routing": []}
        if balance.uses_gradients:
            share = loss_scale(self.trainer) / batch.window.batches
            self.gradients.add_losses(share * balance.weighted(losses), stage.rows)
            if extra.requires_grad:
                self.gradients.add_regularisers(share * extra, routing)
        else:
            total = total + extra
            self._log_weights(total, losses)
        if num_processes() > 1 and (self.plan.several or balance.uses_gradients):
            total = total + no_cost(self)  # the all-reduce waits for all parameters
        return {"loss": total * batch.window.correction, "routing": routing, "losses": losses}

    def on_after_backward(self) -> None:
        """Let a loss scaler see the gradients that a rule is going to combine."""
        if self.balance.uses_gradients and loss_scale(self.trainer) != 1:
            self.gradients.put_sum()

    def on_validation_epoch_start(self) -> None:
        """Broadcast rank 0's buffers (e.g. BatchNorm statistics), which checkpoints contain."""
        share_buffers(self.network)

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Add a batch to the scorer."""
        as_written = torch.compiler.set_stance("force_eager") if self.compiled else nullcontext()
        with as_written:  # a second compilation would take longer than it saves
            logits = self.network(batch.image_BCHW).logits
        self.scorer.update(logits, batch)

    def on_validation_epoch_end(self) -> None:
        """Gather the scores of all processes, log them and reset the scorer."""
        self.results = self.scorer.compute()
        known = {f"val/{key}": value for key, value in self.results.items() if value is not None}
        self.log_dict({"val/loss": self.scorer.loss.compute(), **known}, sync_dist=True)
        self.scorer.reset()
        if self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking:
            rule = self.balance_at(self.global_step - 1)
            rule.end_validation(self.results, self.scorer.higher_is_better())
            share_buffers(rule)

    def on_train_epoch_end(self) -> None:
        """Let the balancing rule see that an epoch ends."""
        self.balance_at(self.global_step - 1).end_epoch()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Combine the tasks' gradients; let adapters protect what earlier stages learned.

        In Lightning 2.6 this comes after the last backward pass of the step, with its all-reduce,
        and after the gradients are unscaled, but before they are clipped.

        Raises:
            NonfiniteLoss: a loss of the step is NaN or infinite, and `nonfinite` is "raise".
        """
        self.guard.check()
        weights_T = self.balance.last_weights()
        if self.balance.uses_gradients:
            rule = cast(GradientRule, self.balance)
            weights_T = self.gradients.put(rule, loss_scale(self.trainer), self.stage.rows)
        if weights_T is not None:
            self._log_task_weights(weights_T)
        if self.stage.number:
            for _, memory in self.memories:
                memory.shape_gradients()

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Any,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """A step of the optimiser; with stages, one that starts anew in each, on its tasks only."""
        step = partial(super().optimizer_step, epoch, batch_idx, optimizer, optimizer_closure)
        if not self.plan.several:
            step()
            return
        stage, number = self.stage, self.global_step
        if number == stage.begin:
            optimizer.optimizer.state.clear()
        with unchanged([*kept_weights(self.network, stage), *self._frozen_experts(stage)]):
            step()
        if number + 1 == stage.end:
            for _, memory in self.memories:
                memory.end_stage()

    def after_step(self, batch: Batch, outputs: dict[str, Any]) -> None:
        """Let adapters see what their routers decided, and the rule how the step changed losses.

        Called by `AfterStep`. A second look at a batch draws the same dropout and noise as the
        first; with accumulation it is at the last batch of the step.
        """
        if outputs["routing"]:
            self.network.encoder.after_step(outputs["routing"])
        if (
            self.balance_at(self.global_step - 1).looks_again
            and not self.trainer.fit_loop._should_accumulate()
        ):
            self._look_again(batch, outputs["losses"])

    def configure_optimizers(self) -> Any:
        """The optimiser over all groups of parameters, with the schedule applied at every step.

        Raises:
            UserError: there are more stages than steps, or not as many steps as before resuming.
        """
        groups = parameter_groups(self.network, self.decay_all)
        groups += balance_groups(cast(Iterable[Balance], self.balances))
        optimizer = self.make_optimizer(groups)
        self.plan = StagePlan(list(self.tasks), self.stages, training_steps(self.trainer))
        self._check_same_steps()

        def factor_of(group: dict[str, Any]) -> Callable[[int], float]:
            return lambda step: group["lr_factor"] * self.schedule(*self.plan.within(step))

        scheduler = LambdaLR(optimizer, [factor_of(group) for group in groups])
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]

    def _turn_to_stage(self) -> None:
        """Rest other tasks' norms; at the begin of a stage, log no losses of the one before.

        Lightning repeats a value that is no longer logged in every row until its epoch ends.
        """
        rest_norms(self.network, self.stage)
        if self.global_step == self.stage.begin:
            self.trainer.fit_loop.epoch_loop._results.clear()

    def _check_same_steps(self) -> None:
        before, now = self.planned_steps, self.plan.num_steps
        if self.plan.several and before not in (None, now):
            raise UserError(
                f"the checkpoint's stages divide {before} steps, but now there are {now}; resume "
                "with the same trainer.max_epochs and trainer.max_steps."
            )

    def _frozen_experts(self, stage: Stage) -> Kept:
        memories = [memory for _, memory in self.memories] if stage.number else []
        return [pair for memory in memories for pair in memory.kept(stage.rows)]

    def _regularisation(self, routing: Sequence[Routing]) -> Tensor:
        """Weighted sum of the regularisers; logs their unweighted sum, and each one of several."""
        losses = {name: part(routing) for name, part in self.regularisers.items()}
        self.log("train/router/loss", torch.stack(list(losses.values())).sum().detach())
        if len(losses) > 1:
            self.log_dict({f"train/router/{name}": loss.detach() for name, loss in losses.items()})
        weights = [part.weight for part in self.regularisers.values()]
        weighted = [weight * loss for weight, loss in zip(weights, losses.values(), strict=True)]
        return torch.stack(weighted).sum()

    def stage_losses(
        self, logits: Mapping[str, Tensor], batch: Batch, stage: Stage
    ) -> dict[str, Tensor]:
        """The losses of the tasks that are learned in a stage."""
        learned = {task: self.losses[task] for task in stage.tasks}
        return task_losses(learned, logits, labelled_for(batch, stage))

    def _log_task_weights(self, weights_T: Tensor) -> None:
        for name, weight in zip(self.tasks, weights_T.tolist(), strict=True):
            if not math.isnan(weight):
                self.log(f"train/{name}/weight", weight * self.tasks[name].weight)

    @torch.no_grad()
    def _look_again(self, batch: Batch, before: Mapping[str, Tensor]) -> None:
        seed_everything_at(self.seed, self.trainer.fit_loop.total_batch_idx, self.global_rank)
        stage, rule = self.plan.at(self.global_step - 1), self.balance_at(self.global_step - 1)
        after = self.stage_losses(self.network(batch.image_BCHW).logits, batch, stage)
        values = (rule.weighted(losses).detach() for losses in (before, after))
        rule.look_again(*map(joined_mean, values))

    def _log_weights(self, total: Tensor, losses: Mapping[str, Tensor]) -> None:
        """Log the slope of the total in every loss, where the rule's weights may change."""
        if not self.balance.adds_up:
            slopes = torch.autograd.grad(total, list(losses.values()), retain_graph=True)
            for name, slope in zip(losses, slopes, strict=True):
                self.log(f"train/{name}/weight", slope)

    def _log_losses(self, total: Tensor, losses: Mapping[str, Tensor]) -> None:
        self.log("train/loss", total.detach(), prog_bar=True)
        for name, loss in losses.items():
            self.log(f"train/{name}/loss", loss.detach(), prog_bar=True)
