"""Comparisons of methods or settings: one run for each and every seed, the results in one table.

The table is the state: a run that has a row is done, in whatever folder it was; so a comparison
goes on from its table alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from mtl_ase.base.atomic_files import write_atomically
from mtl_ase.base.csv_rows import read_rows, write_rows
from mtl_ase.base.errors import UserError
from mtl_ase.config import CONFIGS, run_once
from mtl_ase.launch.child_training import STOP_EXIT_CODES
from mtl_ase.launch.trainings import Trainings
from mtl_ase.sweeps import Job

FACTS = ("method", "seed", "steps", "trained", "megabytes")
"""The columns before the scores: trained parameters and the most memory of the process."""


@dataclass(frozen=True)
class Field:
    """What is compared with each other.

    Attributes:
        key: the config group that holds one file for every method, or the key of a setting.
        baseline: the method or value that costs and gains are relative to.
        base: overrides that all methods share.
        left_out: files of the group that are no method of their own.
        values: of a setting; empty for a group.
    """

    key: str
    baseline: str
    base: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    def methods(self) -> list[str]:
        """All methods or values: the baseline, then the others by name."""
        found = self.values or sorted(path.stem for path in (CONFIGS / self.key).glob("*.yaml"))
        others = [name for name in found if name not in (self.baseline, *self.left_out)]
        return [self.baseline, *others]

    def overrides(self, method: str, given: Sequence[str]) -> list[str]:
        """The overrides of a method's config: the field's, the method's and the user's own."""
        return [*self.base, f"{self.key}={method}", *given]


PAPER = ("experiment=ase_finegrained",)
FIELDS = {
    "balancing": Field("balance", "fixed", PAPER),
    "adapters": Field("model/adapter", "lora", PAPER, left_out=("none",)),
    "branch_block": Field(
        "model.encoder.branch_block", "0", ("experiment=demo",), values=("0", "1", "2", "3", "4")
    ),
}


class Comparison:
    """Runs a field's methods and collects what they reach.

    Args:
        field: what is compared.
        folder: holds results.csv and the run folders.
        given: overrides for all runs, e.g. `setting=scenes`.

    Raises:
        UserError: results.csv is of a comparison with other overrides.
    """

    def __init__(self, field: Field, folder: Path, given: Sequence[str]) -> None:
        self.field, self.folder, self.given = field, folder, list(given)
        self.results = folder / "results.csv"
        self.settings = folder / "overrides.yaml"
        self._check_settings()

    def run(self, methods: Iterable[str], seeds: Iterable[int], train: Trainings) -> list[Job]:
        """Train what has no row yet, seed by seed, one after another.

        Args:
            methods: their names.
            seeds: of the runs.
            train: trains in a run folder with overrides; returns the exit code.

        Returns:
            The runs that failed; the others go on.

        Raises:
            SystemExit: a run was stopped by a signal, so the comparison stops too.
        """
        wanted = [(method, seed) for seed in seeds for method in methods]
        done = {(row["method"], int(row["seed"])) for row in read_rows(self.results)}
        failed = []
        for method, seed in wanted:
            if (method, seed) in done:
                continue
            overrides = [*self.field.overrides(method, self.given), f"seed={seed}"]
            job = Job(tuple(overrides), self.folder / "runs" / f"{method}-{seed}")
            job.clear_failure()
            print(job.folder, flush=True)
            code = train(job.folder, job.overrides)
            if code in STOP_EXIT_CODES:
                raise SystemExit(code)
            if job.is_done:
                self._add(method, seed, train.megabytes, job)
            else:
                output = job.files.output_log.read_text(encoding="utf-8", errors="replace")
                job.mark_failed(code, output)
                failed.append(job)
        return failed

    def _add(self, method: str, seed: int, megabytes: int, job: Job) -> None:
        from mtl_ase.build import parameter_count

        trained = run_once(parameter_count, self.field.overrides(method, self.given)).trainable
        facts = (method, seed, job.last_step(), trained, megabytes)
        row = dict(zip(FACTS, map(str, facts), strict=True))
        scores = job.metrics().items()
        row |= {key: "" if value is None else f"{value:.6g}" for key, value in scores}
        rows = [*read_rows(self.results), row]
        columns = list(dict.fromkeys(key for row in rows for key in row))
        write_rows(self.results, columns, [[row.get(key, "") for key in columns] for row in rows])

    def _check_settings(self) -> None:
        content = OmegaConf.to_yaml(OmegaConf.create(self.given))
        if self.settings.is_file() and self.settings.read_text(encoding="utf-8") != content:
            before = " ".join(OmegaConf.load(self.settings))
            raise UserError(
                f"{self.folder} holds a comparison with other overrides ({before or 'none'}); give "
                "the same ones, or another output=DIR."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.settings, content.encode())
