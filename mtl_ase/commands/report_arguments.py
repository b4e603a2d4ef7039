"""The command line of scripts/report.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import program
from mtl_ase.base.run_files import RunFiles

USAGE = (
    f"{program('report')} run=RUN_OR_SWEEP_OR_SUITE[,RUN ...] [output=FILE] [samples=8] "
    "(8 images to look through, 0 for none)"
)
NUM_SAMPLES = 8


@dataclass(frozen=True)
class Arguments:
    """The command line.

    Attributes:
        folders: as given.
        runs: the run folders in them.
        several: whether it is a page of several runs, also if there is one so far.
        output: the HTML file.
        samples: number of images to look through.
    """

    folders: list[Path]
    runs: list[Path]
    several: bool
    output: Path
    samples: int = NUM_SAMPLES

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Arguments:
        """Read the command line.

        Raises:
            UserError: it is wrong, or a folder holds no run.
        """
        given = dict(argument.partition("=")[::2] for argument in arguments)
        unknown = [key for key in given if key not in ("run", "output", "samples")]
        if unknown or not given.get("run"):
            what = f"{unknown[0]} is no key; " if unknown else ""
            raise UserError(f"{what}usage: {USAGE}")
        samples = given.get("samples", str(NUM_SAMPLES))
        if not samples.isdecimal() or int(samples) > 1000:
            raise UserError(f"samples={samples} is no number from 0 to 1000; usage: {USAGE}")
        folders = [Path(text).expanduser() for text in given["run"].split(",")]
        runs = [run for folder in folders for run in runs_in(folder)]
        is_run = RunFiles(folders[0]).config.is_file()
        several = len(folders) > 1 or not is_run
        name = "comparison.html" if several and is_run else RunFiles(folders[0]).page.name
        output = Path(given["output"]).expanduser() if given.get("output") else folders[0] / name
        if output.is_dir():
            raise UserError(f"output={output} is a folder; give a file, e.g. {output}/report.html.")
        return cls(folders, runs, several, output, int(samples))


def runs_in(folder: Path) -> list[Path]:
    """The folder itself if it is a run's; else the runs in a sweep's, a suite's or a search's.

    Raises:
        UserError: it holds none.
    """
    name = RunFiles(folder).config.name
    if (folder / name).is_file():
        return [folder]
    found = [
        path.parent for pattern in ("*", "runs/*") for path in folder.glob(f"{pattern}/{name}")
    ]
    if not found:
        raise UserError(
            f"run={folder} is no run folder (no {name}), and none lies in it; give one of "
            "train.py's."
        )
    return sorted(found, key=lambda path: (len(path.name), path.name))
