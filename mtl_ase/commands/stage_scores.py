"""Scores at the end of every stage of a continual training, and what was forgotten since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from rich.console import Console

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.csv_rows import write_rows
from mtl_ase.base.run_files import RunFiles
from mtl_ase.data import DataModule
from mtl_ase.data.accumulation import limited_batches
from mtl_ase.training import MultiTaskModule
from mtl_ase.training.checkpoint_files import read_checkpoint
from mtl_ase.training.forgetting import Forgetting, Results, forgetting, mean_forgetting

COLUMNS = ("stage", "step", "learned", "metric", "value")


class StageCheckpoints(pl.Callback):
    """Saves the state at the end of every stage but the last: before the next one's first batch.

    It comes before the callback that saves `last.ckpt`, so that a run that is resumed from the
    first step of a stage, or later, has the checkpoint of the stage before.

    Args:
        module: the module that is trained.
        files: files of the run.
    """

    def __init__(self, module: MultiTaskModule, files: RunFiles) -> None:
        self.module, self.files = module, files

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save the state if this batch begins a stage."""
        done = trainer.fit_loop.epoch_loop.batch_progress.current.completed
        stage = self.module.stage
        first_of_step = done % trainer.accumulate_grad_batches == 0
        if stage.number and trainer.global_step == stage.begin and first_of_step:
            trainer.save_checkpoint(self.files.stage_end(stage.number - 1))


def stage_results(
    trainer: pl.Trainer, module: MultiTaskModule, data: DataModule, files: RunFiles
) -> list[Results]:
    """The validation scores at the end of every stage; the last ones are the final scores.

    A collective operation of all processes. The checkpoints of the stages are scored after the
    training, so that a stopped and resumed run has nothing to remember of it.

    Args:
        trainer: the trainer, after the training.
        module: the trained module, with its final scores in `results`; it is left as it was.
        data: data module for validation.
        files: files of the run.
    """
    if not module.plan.several:
        return [module.results]
    final = {name: value.clone() for name, value in module.state_dict().items()}
    found: list[Results] = []
    for stage in module.plan.stages[:-1]:
        content = read_checkpoint(files.stage_end(stage.number), "cpu")
        module.on_load_checkpoint(content)
        module.load_state_dict(content["state_dict"])
        found.append(_score(trainer, module, data))
    module.load_state_dict(final)
    return [*found, module.results]


def _score(trainer: pl.Trainer, module: MultiTaskModule, data: DataModule) -> Results:
    loader, scorer = data.val_dataloader(), module.scorer
    number = limited_batches(len(loader), trainer.limit_val_batches)
    module.eval()
    for _, batch in zip(range(number), loader, strict=False):
        batch = trainer.strategy.batch_to_device(batch)
        with torch.inference_mode(), trainer.precision_plugin.val_step_context():
            scorer.update(module.network(batch.image_BCHW).logits, batch)
    results: Results = scorer.compute() if number else dict.fromkeys(module.results)
    scorer.reset()
    return results


def write_stages(files: RunFiles, module: MultiTaskModule, results: Sequence[Results]) -> None:
    """Write `stages.csv` and `forgetting.json`, and print what was forgotten.

    Args:
        files: files of the run.
        module: the trained module.
        results: the scores at the end of every stage.
    """
    stages, scorer = module.plan.stages, module.scorer
    rows, learned = [], list[str]()
    for stage, scores in zip(stages, results, strict=True):
        learned += stage.tasks
        known = {key: "" if value is None else f"{value:.8g}" for key, value in scores.items()}
        rows += [[stage.number, stage.end, " ".join(learned), *item] for item in known.items()]
    write_rows(files.stages, COLUMNS, rows)
    headlines = {name: task.headline_key for name, task in module.tasks.items()}
    better = {key: bool(scorer.metric(key).higher_is_better) for key in scorer.headlines}
    found = forgetting(stages, results, headlines, better)
    mean = mean_forgetting(found, len(stages))
    tasks = {task: entry._asdict() for task, entry in found.items()}
    write_json(files.forgetting, {"tasks": tasks, "mean": mean})
    Console().print(summary(found, mean), soft_wrap=True)


def summary(found: dict[str, Forgetting], mean: float | None) -> str:
    """One line: the forgetting of every task, and their mean over all stages but the last."""
    parts = [f"{task} {_signed(entry.forgetting)}" for task, entry in found.items()]
    return f"forgotten since the own stage: {', '.join(parts)}; mean {_signed(mean)}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
