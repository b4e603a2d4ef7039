"""A run's figures in its loggers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.loggers import Logger


def log_figures(loggers: Sequence[Logger], folder: Path, step: int) -> None:
    """Send the figures of a run to all loggers with a method `log_image`, as `figures/NAME`.

    Args:
        loggers: of the trainer.
        folder: of the figures, PNG files.
        step: the last optimiser step.
    """
    for logger in loggers:
        if log_image := getattr(logger, "log_image", None):
            for path in sorted(folder.glob("*.png")):
                log_image(f"figures/{path.stem}", [str(path)], step)
