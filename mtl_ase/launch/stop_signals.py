"""Signals that end a run: noted when they come, acted upon between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import lightning.pytorch as pl
import torch
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from mtl_ase.launch.slurm_requeue import requeue_signal


class StopSignals(_SignalConnector):
    """What stands in the place of Lightning's own handlers while a trainer runs.

    Lightning's talk to the other processes from within a handler, which hangs where only one
    process got the signal or its step is in the middle of such talk itself; on SLURM they ignore
    SIGTERM and save in the middle of a step. These only note the first signal: SIGTERM, SIGINT,
    SIGHUP of a closed terminal (unless nohup has it ignored), or the one by which SLURM announces
    that it will take the machine away.
    """

    def __init__(self, trainer: pl.Trainer) -> None:
        super().__init__(trainer)
        self.first = 0

    def register_signal_handlers(self) -> None:
        """Listen; Lightning calls this before the first step or validation batch."""
        if threading.current_thread() is not threading.main_thread():
            return
        announced = requeue_signal(self.trainer)
        wanted = [signal.SIGTERM, signal.SIGINT, *([] if announced is None else [announced])]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            wanted.append(signal.SIGHUP)
        self._original_handlers = {number: signal.signal(number, self._note) for number in wanted}

    def agreed(self) -> int:
        """The signal that any process got, the same in all, or 0; all must ask at once."""
        if self.trainer.world_size == 1:
            return self.first
        number = torch.tensor(self.first, device=self.trainer.strategy.root_device)
        return int(self.trainer.strategy.reduce(number, reduce_op="max"))

    def _note(self, number: int, _: FrameType | None) -> None:
        self.first = self.first or number


def listen(trainer: pl.Trainer) -> StopSignals:
    """Ours in the place of Lightning's handlers; safe to call twice."""
    connector = trainer._signal_connector
    if not isinstance(connector, StopSignals):
        connector = trainer._signal_connector = StopSignals(trainer)
    return connector
