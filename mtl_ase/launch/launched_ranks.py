"""The processes that Lightning's launcher starts: they end with the one that started them."""

from __future__ import annotations

import os

from mtl_ase.launch.parent_watch import end_with_parent

LAUNCHER = "MTL_ASE_LAUNCHER"
"""Names the launching process to the launched ones."""


def end_with_launcher() -> None:
    """End this process when the one that launched it is gone; call it early in every process.

    Lightning's launcher only looks the other way: the first process kills all when one that it
    started fails. A process that waits for a dead one in a collective operation may wait for long.
    """
    if is_launched():
        end_with_parent(int(os.environ[LAUNCHER]))
    else:
        os.environ[LAUNCHER] = str(os.getpid())


def is_launched() -> bool:
    """Whether Lightning's launcher started this process; not so under torchrun and srun."""
    launched = LAUNCHER in os.environ and os.environ.get("LOCAL_RANK", "0") != "0"
    return launched and os.environ[LAUNCHER] != str(os.getpid())
