"""How far a training is: two lines in a terminal, now and then two in a log file."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar as Bar
from rich.table import Table
from rich.text import Text

from mtl_ase.base.bounds import AboveZero
from mtl_ase.training.exact_resume import training_steps

if TYPE_CHECKING:
    from mtl_ase.training.module import MultiTaskModule

BAR_WIDTH = 16
COLUMNS = 80
"""Width of the lines in a log file, and what the lines in a terminal fit into."""


class Progress(ProgressBar):
    """Shows the step, the speed, the time left and the losses of all tasks.

    In a terminal two lines are drawn again and again; elsewhere two lines are added now and then,
    so that log files stay readable. After a validation the tasks' main scores stay.

    Args:
        terminal_s: seconds between two drawings in a terminal.
        file_s: seconds between two pairs of lines elsewhere.
    """

    def __init__(self, terminal_s: AboveZero = 0.5, file_s: AboveZero = 15.0) -> None:
        super().__init__()
        self.terminal_s, self.file_s = terminal_s, file_s
        self.console = Console()
        self.live: Live | None = None
        self.enabled = True
        self.shown_at = self.paused_at = 0.0
        self.training_s, self.steps = 0.0, 0

    def enable(self) -> None:
        """Show something; Lightning calls it on rank 0."""
        self.enabled = True

    def disable(self) -> None:
        """Show nothing; Lightning calls it on other ranks."""
        self.enabled = False

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print above the lines."""
        if self.enabled:
            self.console.print(*args, **kwargs)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to count, and to draw in a terminal."""
        self.training_s, self.steps = 0.0, 0
        self.shown_at = self.paused_at = time.monotonic()
        if self.enabled and self.console.is_terminal:
            self.live = Live(console=self.console, auto_refresh=False)
            self.live.start()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Show the step, if it is time again; reading the losses waits for the device."""
        now = time.monotonic()
        self.training_s, self.paused_at = self.training_s + now - self.paused_at, now
        self.steps += 1
        if self._is_time(now):
            self._show_step(trainer)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Show how far the validation is, in a terminal."""
        if self.live is not None and self._is_time(time.monotonic()):
            total = int(sum(trainer.num_val_batches))
            drawn = Bar(total, batch_idx + 1, width=BAR_WIDTH)
            self._show(drawn, f"validation, batch {batch_idx + 1}/{total}", "")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the scores."""
        self.paused_at = time.monotonic()
        if self.enabled and not trainer.sanity_checking:
            module = cast("MultiTaskModule", pl_module)
            headlines = {name: task.headline_key for name, task in module.tasks.items()}
            self.print(scores_line(headlines, module.results), soft_wrap=True, highlight=False)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the last step, and stop drawing."""
        if self.enabled and self.steps:
            self._show_step(trainer)
        self._stop()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Stop drawing."""
        self._stop()

    def _stop(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def _is_time(self, now: float) -> bool:
        period = self.file_s if self.live is None else self.terminal_s
        if not self.enabled or now - self.shown_at < period:
            return False
        self.shown_at = now
        return True

    def _show_step(self, trainer: pl.Trainer) -> None:
        state = step_line(trainer, self.training_s / self.steps)
        self._show(bar(trainer), state, losses_line(trainer.progress_bar_metrics))

    def _show(self, drawn: RenderableType, state: str, losses: str) -> None:
        if self.live is None:
            lines = f"{state}\n{folded(losses, '  ')}".rstrip()
            self.console.print(lines, soft_wrap=True, highlight=False)
            return
        grid = Table.grid(padding=(0, 1))
        grid.add_row(drawn, state)
        both = Table.grid()
        both.add_row(grid)
        both.add_row(Text(folded(losses), style="dim"))
        self.live.update(both, refresh=True)


def bar(trainer: pl.Trainer) -> Bar:
    """The share of the steps that is done."""
    return Bar(training_steps(trainer), trainer.global_step, width=BAR_WIDTH)


def step_line(trainer: pl.Trainer, seconds_a_batch: float) -> str:
    """Such as "step 20/950  loss 6.78  2 batches/s  0:07:45 left"."""
    total, step = training_steps(trainer), trainer.global_step
    batches = (total - step) * trainer.accumulate_grad_batches
    minutes, seconds = divmod(round(batches * seconds_a_batch), 60)
    left = f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    loss = trainer.progress_bar_metrics.get("train/loss")
    known = "" if loss is None else f"  loss {float(loss):.3g}"
    speed = 1 / max(seconds_a_batch, 1e-9)
    return f"step {step}/{total}{known}  {speed:.3g} batches/s  {left} left"


def losses_line(metrics: Mapping[str, float]) -> str:
    """The tasks' losses, e.g. "semseg 0.944  edge 0.04"."""
    parts = {key.removeprefix("train/"): value for key, value in metrics.items()}
    tasks = {key.removesuffix("/loss"): value for key, value in parts.items() if "/" in key}
    return "  ".join(f"{name} {float(value):.3g}" for name, value in tasks.items())


def scores_line(headlines: Mapping[str, str], results: Mapping[str, float | None]) -> str:
    """The main scores by task, e.g. "scores  semseg 51.5  normals 22.1"."""
    known = {name: results.get(key) for name, key in headlines.items()}
    scores = [f"{name} {value:.1f}" for name, value in known.items() if value is not None]
    return folded("  ".join(["scores", *scores]))


def folded(text: str, indent: str = "") -> str:
    """Text in lines of 80 columns, broken where two spaces are; later lines begin with two more."""
    first, *parts = text.split("  ")
    lines = [indent + first]
    for part in parts:
        if len(lines[-1]) + len(part) + 2 > COLUMNS:
            lines.append(f"{indent}  {part}")
        else:
            lines[-1] += f"  {part}"
    return "\n".join(lines)
