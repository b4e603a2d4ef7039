"""Signals that stop a run: recorded when they arrive, handled between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector
from torch import distributed

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
        self.group: Any = None
        self.look: Look | None = None

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

    def agreed_at_last_look(self) -> int:
        """The signal that any rank had received when this was called last, or 0; of all ranks.

        Nobody waits: the ranks' answers travel during a step, through the CPUs. The first call is
        `agreed`.
        """
        if self.trainer.world_size == 1:
            return self.first
        if self.look is None:
            self.group = distributed.new_group(backend="gloo")
            number = self.agreed()
        else:
            number = self.look.read()
        self.look = Look(self.first, self.group)
        return number

    def agreed(self) -> int:
        """The signal that any rank received, or 0; a collective operation of all ranks."""
        if self.trainer.world_size == 1:
            return self.first
        number = torch.tensor(self.first, device=self.trainer.strategy.root_device)
        return int(self.trainer.strategy.reduce(number, reduce_op="max"))

    def _record(self, number: int, _: FrameType | None) -> None:
        self.first = self.first or number


class Look:
    """The largest number of all ranks, on its way.

    Args:
        number: this rank's.
        group: of all ranks, for messages between CPUs (gloo): they neither wait for a GPU nor are
            mixed up with the gradients.
    """

    def __init__(self, number: int, group: Any) -> None:
        self.number = torch.tensor(number)
        self.work = distributed.all_reduce(
            self.number, distributed.ReduceOp.MAX, group, async_op=True
        )

    def read(self) -> int:
        """The number; waits for ranks that have not looked yet."""
        self.work.wait()
        return int(self.number)


def listen(trainer: pl.Trainer) -> StopSignals:
    """Replace Lightning's signal handlers by `StopSignals`; later calls return the same object."""
    connector = trainer._signal_connector
    if not isinstance(connector, StopSignals):
        connector = trainer._signal_connector = StopSignals(trainer)
    return connector
