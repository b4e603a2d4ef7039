"""Compare methods: `python scripts/compare.py balancing|adapters|branch_block [seeds=0,1] ...`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.base.csv_rows import read_rows
from mtl_ase.base.errors import UserError
from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use
from mtl_ase.launch.trainings import Trainings
from mtl_ase.tools.comparison import FIELDS, Comparison

USAGE = (
    f"python scripts/compare.py {'|'.join(FIELDS)} [seeds=0,1,2] [methods=NAME,NAME] [output=DIR] "
    "[costs=true|false] [KEY=VALUE of train.py ...]"
)


def main(arguments: list[str]) -> None:
    """Train what is missing, then print the table; exit code 1 if a run failed."""
    exit_if_asked_for_help(arguments, USAGE)
    what, *given = arguments or [""]
    if what not in FIELDS:
        raise UserError(f"usage: {USAGE}")
    own = {"seeds": "0", "methods": "", "output": f"runs/compare/{what}", "costs": "true"}
    for argument in list(given):
        key, _, value = argument.partition("=")
        if key in own:
            own[key] = value
            given.remove(argument)
    seeds, methods = own["seeds"].split(","), FIELDS[what].methods()
    named = own["methods"].split(",") if own["methods"] else methods
    if not all(map(str.isdigit, seeds)) or own["costs"] not in ("true", "false"):
        raise UserError(f"usage: {USAGE}")
    if unknown := set(named) - set(methods):
        raise UserError(f"methods={','.join(sorted(unknown))} is unknown; there are {methods}.")
    from mtl_ase.tools.comparison_report import write_report

    comparison = Comparison(FIELDS[what], Path(own["output"]), given)
    with folder_lock(comparison.folder, "output") as lock, Trainings(lock) as train:
        failed = comparison.run(named, map(int, seeds), train)
    rows = read_rows(comparison.results)
    if any(row["method"] == FIELDS[what].baseline for row in rows):
        print(write_report(what, comparison.folder, given, rows, own["costs"] == "true"))
    for job in failed:
        print(f"failed: {job.folder.name}: {job.failure}", file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    exit_on_wrong_use(lambda: main(sys.argv[1:]))
