"""The prepare_data command: download, verify and pack a data set."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from mtl_ase.base.errors import BadFile, UserError
from mtl_ase.build import build_data
from mtl_ase.config import check_targets
from mtl_ase.data import DataModule
from mtl_ase.data.acquire import ARCHIVES, obtain
from mtl_ase.data.official import official_file
from mtl_ase.data.verification import Verification, percentages, verify
from mtl_ase.machine.cores import usable_cores

MAX_LISTED = 20
"""Problems printed in full; the others are only counted."""


def prepare_data(config: DictConfig, may_download: bool, as_json: bool, pack: bool) -> int:
    """Obtain or render a data set, read all its files once, and pack its labels.

    Args:
        config: the whole config; only `data` is used.
        may_download: download the data set's archive from its public link if it is missing.
        as_json: print the report as JSON instead of tables.
        pack: pack the labels after the report.

    Returns:
        The exit code: 0, or 1 if the report lists problems.

    Raises:
        UserError: the data set is missing or can't be downloaded, or the pack can't be written.
    """
    check_targets(config)
    data = build_data(config, {})
    if data.generator is None:
        if data.root is None:
            raise UserError(f"data.root=null is no folder for {data.name}; give data.root=DIR.")
        obtain(data.root, data.layout, ARCHIVES.get(data.name, ()), may_download)
        _restore_lists(data)
    else:
        data.root = data.generator.prepare(data.root)
    assert data.root is not None
    splits = list(data.splits.values())
    report = verify(data.root, data.name, data.layout, data.all_labels, splits, usable_cores())
    if as_json:
        print(json.dumps({"root": str(data.root), **report.as_json()}, indent=1))
    else:
        print_report(data.root, report)
    if pack:
        _pack(data)
    return 1 if report.problems else 0


def _pack(data: DataModule) -> None:
    """Pack every split, unless a label can't be read, which the report lists too."""
    try:
        for split in data.splits:
            print("packed:", data.pack(split).folder, file=sys.stderr)
    except BadFile as error:
        print(f"not packed: {error}", file=sys.stderr)


def _restore_lists(data: DataModule) -> None:
    """Copy the published split lists that ship with the package to where they are missing."""
    assert data.root is not None
    for split in data.splits.values():
        path, official = data.layout.split_path(data.root, split), official_file(data.name, split)
        if official is not None and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(official, path)


def print_report(root: Path, report: Verification) -> None:
    """Print label coverage, class frequencies and problems."""
    console = Console()
    console.print(_coverage(root, report))
    for name, (present, listed) in report.official.items():
        console.print(f"{present:,} of {listed:,} images of the published list {name} are present.")
    for split, found in report.splits.items():
        for task, counts in found.pixels.items():
            shares = ", ".join(f"{k}: {v:.2f}" for k, v in percentages(counts).items())
            console.print(f"{split} {task}, percent of pixels by class: {shares}")
    for problem in report.problems[:MAX_LISTED]:
        console.print(problem, markup=False, soft_wrap=True)
    count = len(report.problems)
    if count > MAX_LISTED:
        console.print(f"and {count - MAX_LISTED} more; --json lists all.")
    console.print(f"{count} problems" if count else "no problems")


def _coverage(root: Path, report: Verification) -> Table:
    tasks = list(next(iter(report.splits.values())).labelled)
    table = Table("split", title=f"Labels in {root}")
    for column in ("images", *tasks, "without any label"):
        table.add_column(column.replace("_", " "), justify="right")
    for split, found in report.splits.items():
        counts = [f"{found.labelled[task]:,}" for task in tasks]
        table.add_row(split, f"{found.images:,}", *counts, f"{len(found.unlabelled):,}")
    return table
