"""Signals that stop a run: recorded when they arrive, handled between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import lightning.pytorch as pl
import torch
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from mtl_ase.launch.slurm_requeue import requeue_signal


class StopSignals(_SignalConnector):
    """Signal handlers that replace Lightning's own while a trainer runs.

    Lightning's handlers run collective operations, which hang if only one rank got the signal or if
    it arrives during another collective operation; on SLURM they ignore SIGTERM and save in the
    middle of a step. These handlers only record the first signal: SIGTERM, SIGINT, SIGHUP of a
    closed terminal (unless nohup has it ignored), or the one that SLURM sends before the time limit
    or preemption.

    Args:
        trainer: the trainer whose handlers are replaced.

    Attributes:
        first: number of the first signal that this process received; 0 if none.
    """

    def __init__(self, trainer: pl.Trainer) -> None:
        super().__init__(trainer)
        self.first = 0

    def register_signal_handlers(self) -> None:
        """Install the handlers; Lightning calls this before the first batch."""
        if threading.current_thread() is not threading.main_thread():
            return
        announced = requeue_signal(self.trainer)
        handled = [signal.SIGTERM, signal.SIGINT, *([] if announced is None else [announced])]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handled.append(signal.SIGHUP)
        self._original_handlers = {
            number: signal.signal(number, self._record) for number in handled
        }

    def agreed(self) -> int:
        """The signal that any rank received, or 0; a collective operation of all ranks."""
        if self.trainer.world_size == 1:
            return self.first
        number = torch.tensor(self.first, device=self.trainer.strategy.root_device)
        return int(self.trainer.strategy.reduce(number, reduce_op="max"))

    def _record(self, number: int, _: FrameType | None) -> None:
        self.first = self.first or number


def listen(trainer: pl.Trainer) -> StopSignals:
    """Replace Lightning's signal handlers by `StopSignals`; later calls return the same object."""
    connector = trainer._signal_connector
    if not isinstance(connector, StopSignals):
        connector = trainer._signal_connector = StopSignals(trainer)
    return connector
