"""Make a delta_m reference of evaluated single-task runs, to be chosen by reference=NAME."""

from pathlib import Path

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import CONFIGS, IN_CHECKOUT
from mtl_ase.commands.options import Options
from mtl_ase.config import exit_on_wrong_use


def folder_of(given: Path | None) -> Path:
    """The folder of configs to write into: the user's own, or ours in a checkout.

    Raises:
        UserError: pip has installed the package, so that its own folder is not for that.
    """
    if given is None and not IN_CHECKOUT:
        raise UserError("--config-dir is missing; give the folder of your own configs.")
    return CONFIGS if given is None else given


def main() -> None:
    """Run the program."""
    parser = Options(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="evaluated, single-task")
    parser.add_argument("--name", required=True, help="name, for reference=NAME")
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="your own configs")
    given = parser.parse_args()
    folder = exit_on_wrong_use(lambda: folder_of(given.config_dir))
    from mtl_ase.commands.make_reference import make_reference

    exit_on_wrong_use(lambda: print(make_reference(given.runs, given.name, folder)))
