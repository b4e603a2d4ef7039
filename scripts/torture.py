"""Kill a training at random moments: `python scripts/torture.py kills=25 [tmpdir=DIR]`."""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.base.errors import UserError
from mtl_ase.commands.options import exit_if_asked_for_help
from mtl_ase.config import exit_on_wrong_use

USAGE = "python scripts/torture.py kills=25 [epochs=300] [seed=0] [stops=3] [tmpdir=DIR]"


def main(arguments: list[str]) -> None:
    """Print the figures; exit code 1 if the killed run differs from the undisturbed one."""
    exit_if_asked_for_help(arguments, USAGE)
    given = dict(argument.partition("=")[::2] for argument in arguments)
    numbers = {key: given.pop(key) for key in ("kills", "epochs", "seed", "stops") if key in given}
    tmpdir = given.pop("tmpdir", None)
    if given or "kills" not in numbers or not all(text.isdigit() for text in numbers.values()):
        raise UserError(f"usage: {USAGE}")
    if tmpdir is not None and not Path(tmpdir).is_dir():
        raise UserError(f"tmpdir={tmpdir} is no folder; make it, or leave it out.")
    from mtl_ase.tools.torture import torture

    with tempfile.TemporaryDirectory() as folder:
        figures = torture(
            Path(folder),
            tmpdir=None if tmpdir is None else Path(tmpdir),
            **{key: int(text) for key, text in numbers.items()},
        )
    print(json.dumps(figures, indent=1))
    good = figures["same_weights"] and figures["same_logs"] and not figures["litter"]
    good = good and set(figures["exit_codes_of_sigterm"]) <= {143}
    if not good or figures["torn_checkpoints"] or figures["steps_logged_twice_or_never"]:
        sys.exit(1)


if __name__ == "__main__":
    exit_on_wrong_use(lambda: main(sys.argv[1:]))
