"""The make_reference command: a reference for delta_m from evaluated single-task runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.base.installation import program
from mtl_ase.base.json_files import read_json
from mtl_ase.base.run_files import RunFiles
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.config import CONFIGS
from mtl_ase.evaluation import Details, read_details
from mtl_ase.evaluation.protocol import ACTIVATE_FIRST, RESIZE_FIRST

KNOWN_ORDERS = {ACTIVATE_FIRST: True, RESIZE_FIRST: False}
"""Whether it was activated first; older evaluations do not say."""
HEADER = """# @package training.reference
# {what}, scored by evaluate.py: what delta_m compares with.
"""


def make_reference(runs: Sequence[Path], name: str, configs: Path = CONFIGS) -> Path:
    """Write reference/NAME.yaml in a folder of configs, from evaluated runs of one task each.

    Args:
        runs: run folders, one per task, all scored by evaluate.py on the same data set and by the
            same protocol.
        name: name of the reference, to select it by `reference=NAME`.
        configs: the folder of configs.

    Returns:
        The written file.

    Raises:
        UserError: a run is not evaluated, has several tasks, repeats the task of another run, or
            differs from the others in data set or protocol; or the name is taken or invalid.
    """
    path = configs / "reference" / f"{name}.yaml"
    if not name.replace("_", "").replace("-", "").isalnum():
        raise UserError(f"--name {name} is no name; use letters, digits, _ and -.")
    if path.exists():
        raise UserError(f"{path} is there already; choose another --name or remove it.")
    values: dict[str, float] = {}
    sources: dict[str, str] = {}
    first: Details | None = None
    for run in runs:
        details, key, value = _headline(run)
        if first is None:
            first = details
        for what in ("dataset", "protocol", "order"):
            own, others = getattr(details, what), getattr(first, what)
            if own != others:
                raise UserError(
                    f"{run} was scored with {what} {own}, but {runs[0]} with {others}; score all "
                    "runs alike."
                )
        if key in values:
            raise UserError(f"{run} and {sources[key]} both give {key}; give one run a task.")
        values[key], sources[key] = value, _source(run)
    if first is None:
        raise UserError("no run is given; give one evaluated single-task run for each task.")
    content = {
        "_target_": "mtl_ase.evaluation.Reference",
        "dataset": first.dataset,
        "protocol": first.protocol,
        "activate_first": KNOWN_ORDERS.get(str(first.order)),
        "values": values,
        "sources": sources,
    }
    header = HEADER.format(what=f"Single-task runs on {first.dataset}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + OmegaConf.to_yaml(OmegaConf.create(content)), encoding="utf-8")
    return path


def _headline(run: Path) -> tuple[Details, str, float]:
    """A single-task run's evaluation, and key and value of its headline metric."""
    config = RunFolder(run).read_config()
    tasks = list(config.tasks)
    if len(tasks) != 1:
        raise UserError(f"{run} was trained on {', '.join(tasks)}; a reference needs single tasks.")
    details = read_details(RunFiles(run).details)
    if details is None:
        raise UserError(f"{run} is not evaluated; run {program('evaluate')} run={run} first.")
    key = _headline_key(tasks[0], config.tasks[tasks[0]].headline, details.protocol)
    score = details.scores.get(key)
    if score is None:
        raise UserError(f"{run} has no {key}; evaluate it on data with labels of {tasks[0]}.")
    return details, key, score.value


def _headline_key(task: str, own: str, protocol: str) -> str:
    path = CONFIGS / "protocol" / f"{protocol}.yaml"
    headlines = OmegaConf.select(OmegaConf.load(path), "headlines") if path.is_file() else {}
    return f"{task}/{headlines.get(task, own)}"


def _source(run: Path) -> str:
    """Name of the run folder, and git revision of the code that trained it."""
    revision = read_json(RunFiles(run).environment).get("git_revision")
    return f"run {run.name}" + (f" at {revision[:12]}" if revision else "")
