"""Run a benchmark: `python scripts/bench.py step [overrides] [--json FILE]`; see --help."""

import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from mtl_ase.commands.options import Options, make_folder
from mtl_ase.config import exit_on_wrong_use, run_once

QUICK = ("layer", "step", "parts", "compiled", "predict", "memory", "balance", "startup")
"""Benchmarks that need no data of the user's: `bench.py all` runs them one after another."""
BENCHMARKS = ("all", *QUICK, "data", "odsf", "recipe", "scaling")
"""Modules of mtl_ase.tools.benchmarks, and all at once."""


def measure(what: str, overrides: list[str]) -> dict[str, Any]:
    """Run a benchmark and print its result; the last line is its ratio."""
    benchmark = pkgutil.resolve_name(f"mtl_ase.tools.benchmarks.{what}:benchmark")
    result: dict[str, Any] = run_once(benchmark, overrides)
    print(json.dumps(result, indent=1))
    print(f"ratio {what} {result['ratio']}", flush=True)
    return result


if __name__ == "__main__":
    parser = Options(description=__doc__)
    parser.add_argument("what", choices=BENCHMARKS)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to a file")
    given = parser.parse_intermixed_args()
    if given.json is not None:
        exit_on_wrong_use(lambda: make_folder(given.json.parent, "--json"))
    results: dict[str, Any] = {}
    for what in QUICK if given.what == "all" else (given.what,):
        results[what] = measure(what, given.overrides)
        if given.json is not None:
            content = results if given.what == "all" else results[what]
            given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
