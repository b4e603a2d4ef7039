"""The export command: a run's network in a folder that others can use, and its upload."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mtl_ase.commands.export_arguments import Arguments, read_arguments
from mtl_ase.config import silence_libraries
from mtl_ase.export import (
    TrainedRun,
    read_run,
    upload,
    write_adapters,
    write_card,
    write_onnx,
    write_peft,
    write_torch,
)
from mtl_ase.export.draft_folder import check_free, draft_folder
from mtl_ase.export.facts import Facts, facts_of
from mtl_ase.export.hub import check_name, files_of

GRAPHS = {"torch": write_torch, "onnx": write_onnx}
PARTS = {"adapters": write_adapters, "peft": write_peft}


def export(arguments: Sequence[str], trusted: tuple[str, ...] = ()) -> None:
    """Export a run, print what was written, and upload it if that is asked for.

    Args:
        arguments: the command line, see `export_arguments.USAGE`.
        trusted: prefixes of your own code that `_target_`s of the run's config may name.

    Raises:
        UserError: the command line is wrong, there is no such run or checkpoint, the format can't
            express the network, the folder is there already, or the upload fails.
    """
    silence_libraries()
    given = read_arguments(arguments)
    if given.hub is not None:
        check_name(given.hub)
    if given.run is not None:
        check_free(given.output)
        trained = read_run(given.run, given.checkpoint, trusted)
        facts = facts_of(trained, given.licence)
        with draft_folder(given.output) as draft:
            _write(trained, facts, draft, given)
            write_card(draft, given.hub)
    _print_files(given)
    if given.hub is not None and not given.dry_run:
        print(upload(given.output, given.hub))


def _write(trained: TrainedRun, facts: Facts, folder: Path, given: Arguments) -> None:
    if given.format in PARTS:
        PARTS[given.format](trained, facts, folder)
        return
    height, width = trained.config.data.image_size
    sizes = given.image_sizes or ((height, width),)
    write = partial(GRAPHS[given.format], sizes_hw=sizes)
    write(trained, facts, folder, outputs=given.outputs, given=given.input)  # type: ignore[arg-type]


def _print_files(given: Arguments) -> None:
    """Print every file with its size."""
    place = f"for hub={given.hub}, from " if given.hub is not None else ""
    print(f"{place}{given.output}:")
    for name in files_of(given.output):
        print(f"  {name}  {(given.output / name).stat().st_size / 1e6:.2f} MB")
