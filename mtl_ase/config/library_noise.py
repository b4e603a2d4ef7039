"""What libraries print that tells a user of this framework nothing."""

from __future__ import annotations

import logging
import warnings

IGNORED = (
    r".*isinstance\(treespec, LeafSpec\).*",  # Lightning 2.6 on torch 2.14, theirs to mend
    r".*does not have many workers.*",  # data.num_workers is chosen from the cores
    r".*dataloader is not resumable.*",  # the order of samples comes from (seed, epoch)
    r".*number of training batches .* is smaller than the logging interval.*",
)


def silence_libraries() -> None:
    """Hide Lightning's notices and the warnings that need no action."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in IGNORED:
        warnings.filterwarnings("ignore", message=message)
