"""Run a benchmark: `python scripts/bench.py step [overrides] [--json FILE]`; see --help."""

import json
import pkgutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options, make_folder
from mtl_ase.config import exit_on_wrong_use, run_once

BENCHMARKS = ("balance", "data", "layer", "memory", "odsf", "parts", "recipe", "scaling", "startup", "step")
"""Modules of mtl_ase.tools.benchmarks."""

if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("what", choices=BENCHMARKS)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to a file")
    given = parser.parse_intermixed_args()
    if given.json is not None:
        exit_on_wrong_use(lambda: make_folder(given.json.parent, "--json"))
    benchmark = pkgutil.resolve_name(f"mtl_ase.tools.benchmarks.{given.what}:benchmark")
    result = run_once(benchmark, given.overrides)
    text = json.dumps(result, indent=1)
    if given.json is not None:
        given.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    print(f"ratio {given.what} {result['ratio']}")
