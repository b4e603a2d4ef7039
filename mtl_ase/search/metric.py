"""Checks before a search: trials can be built, and they measure the metric; its direction."""

from __future__ import annotations

from hydra.utils import instantiate
from omegaconf import DictConfig

from mtl_ase.base.errors import UserError
from mtl_ase.build import build_tasks, check_part
from mtl_ase.evaluation import Scorer
from mtl_ase.search.command_line import Direction

PARTS = ("data", "model", "training", "trainer", "logger", "callbacks")


def check_trial(config: DictConfig, metric: str) -> Direction:
    """Refuse a trial's config that is invalid or does not measure the metric.

    Args:
        config: the composed config of a trial.
        metric: key in metrics.json, or "val/loss".

    Returns:
        "maximize" if higher values of the metric are better, else "minimize".

    Raises:
        UserError: a value has the wrong type, or the metric is not measured.
    """
    tasks = build_tasks(config)
    for part in PARTS:
        check_part(config, part)
    if metric == "val/loss":
        return "minimize"
    if metric == "delta_m":
        reference = instantiate(config.training.reference, _convert_="object")
        reference_mismatch = Scorer(tasks, reference, config.data.name).reference_mismatch
        if reference_mismatch:
            raise UserError(
                f"metric=delta_m can't be computed: {reference_mismatch}; choose another metric."
            )
        return "maximize"
    measured = {key: value for task in tasks.values() for key, value in task.measured().items()}
    if metric not in measured:
        known = ", ".join([*measured, "delta_m", "val/loss"])
        raise UserError(f"metric={metric} is not measured; choose one of {known}.")
    return "maximize" if measured[metric].higher_is_better else "minimize"
