"""The ranks that Lightning's launcher starts: each ends when the launching process has ended."""

from __future__ import annotations

import os

from mtl_ase.launch.parent_watch import end_with_parent

LAUNCHER_VARIABLE = "MTL_ASE_LAUNCHER"
"""Environment variable that holds the PID of the launching process (rank 0)."""


def end_with_launcher() -> None:
    """End this rank when the process that launched it has ended; call it early in every process.

    Lightning covers only the other direction: rank 0 kills all ranks when one of them fails. A rank
    whose launcher was killed would wait in a collective operation until it times out.
    """
    if is_launched():
        end_with_parent(int(os.environ[LAUNCHER_VARIABLE]))
    else:
        os.environ[LAUNCHER_VARIABLE] = str(os.getpid())


def is_launched() -> bool:
    """Whether Lightning's launcher started this process; False under torchrun and srun."""
    launched = LAUNCHER_VARIABLE in os.environ and os.environ.get("LOCAL_RANK", "0") != "0"
    return launched and os.environ[LAUNCHER_VARIABLE] != str(os.getpid())
