"""Hides messages and warnings of libraries that need no action by the user."""

from __future__ import annotations

import logging
import warnings

IGNORED = (
    r".*isinstance\(treespec, LeafSpec\).*",  # a deprecation inside Lightning 2.6 on torch 2.14
    r".*does not have many workers.*",  # data.num_workers depends on the number of cores
    r".*dataloader is not resumable.*",  # it is: the sample order is a function of (seed, epoch)
    r".*number of training batches .* is smaller than the logging interval.*",
)


def silence_libraries() -> None:
    """Hide Lightning's info messages and the warnings in `IGNORED`."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in IGNORED:
        warnings.filterwarnings("ignore", message=message)
