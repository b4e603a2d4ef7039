"""The runs of a suite as a Makefile or as SLURM jobs, for other machines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from mtl_ase.base.installation import program
from mtl_ase.config import trust_options
from mtl_ase.suites.suite_run import SuiteRun

SLURM_HEAD = """#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
# Submit with: sbatch FILE. A job that is started again goes on from its last checkpoint.
set -eu
case "$SLURM_ARRAY_TASK_ID" in
"""


def command_of(run: SuiteRun, runs: Path) -> str:
    """The command line of a run, for a shell in the working folder."""
    overrides = [*run.command_overrides(runs), f"run_dir={runs / run.name}", "resume=auto"]
    return f"{program('train')} {shlex.join([*trust_options(), *overrides])}"


def as_makefile(wanted: Sequence[SuiteRun], runs: Path) -> str:
    """A Makefile: `make -j4 -f FILE` trains all, and goes on where it was stopped."""
    done = [str(runs / run.name / "DONE") for run in wanted]
    lines = [
        "# make -k -j4 -f FILE trains all; started again, it goes on.",
        "all: " + " ".join(done),
    ]
    for run, target in zip(wanted, done, strict=True):
        needs = " ".join(str(runs / first.name / "DONE") for first in run.starts_from)
        lines += [
            "",
            f"{target}: {needs}".rstrip(),
            f"\t{command_of(run, runs).replace('$', '$$')}",
        ]
    return "\n".join([*lines, ""])


def as_slurm(wanted: Sequence[SuiteRun], runs: Path, name: str) -> str:
    """Array jobs for SLURM; what others start from is an array of its own, to be waited for."""
    phases = [
        [run for run in wanted if not run.starts_from],
        [run for run in wanted if run.starts_from],
    ]
    return "\n".join(_array(phase, runs, name) for phase in phases if phase)


def _array(wanted: Sequence[SuiteRun], runs: Path, name: str) -> str:
    head = SLURM_HEAD.format(name=name, last=len(wanted) - 1)
    if wanted[0].starts_from:
        head = "# The jobs below start from those above: submit them with --dependency.\n" + head
    cases = [f"{place}) {command_of(run, runs)} ;;" for place, run in enumerate(wanted)]
    return head + "\n".join([*cases, "esac", ""])
