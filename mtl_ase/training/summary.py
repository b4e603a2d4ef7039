"""Tables at the start of training: parameters by component, label files by split and task."""

from __future__ import annotations

import lightning.pytorch as pl
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table

from mtl_ase.base.folding_table import FoldingTable
from mtl_ase.data import DataModule
from mtl_ase.model import count_parameters
from mtl_ase.training.exact_resume import training_steps


class Summary(pl.Callback):
    """Prints steps, device, precision, parameters by component, label files by split and task."""

    @rank_zero_only
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the summary."""
        console = Console()
        steps = training_steps(trainer)
        device = trainer.strategy.root_device
        processes = f" on {trainer.world_size} processes" if trainer.world_size > 1 else ""
        console.print(f"{steps} steps on {device}{processes}, precision {trainer.precision}")
        console.print(parameter_table(pl_module))
        if isinstance(trainer.datamodule, DataModule):  # type: ignore[attr-defined]
            console.print(coverage_table(trainer.datamodule))  # type: ignore[attr-defined]


def parameter_table(pl_module: pl.LightningModule) -> Table:
    """Total and trained parameters of the network, by component."""
    table = FoldingTable("component", title="Parameters")
    table.add_column("total", justify="right")
    table.add_column("trained", justify="right")
    counts = count_parameters(pl_module.network)  # type: ignore[arg-type]
    for name, count in counts.items():
        table.add_row(name, f"{count.total:,}", f"{count.trainable:,}")
    table.add_section()
    total, trainable = (sum(column) for column in zip(*counts.values(), strict=True))
    table.add_row("network", f"{total:,}", f"{trainable:,}")
    return table


def coverage_table(data: DataModule) -> Table:
    """Images and label files by split and task; an image without a file is unlabelled there."""
    table = FoldingTable("split", title=f"Label files of {data.name}")
    report = data.coverage()
    for column in next(iter(report.values())):
        table.add_column(column, justify="right")
    for split, counts in report.items():
        table.add_row(split, *map(str, counts.values()))
    return table
