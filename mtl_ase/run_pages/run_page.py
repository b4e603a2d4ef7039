"""The page of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from mtl_ase.run_pages.curves import loss_charts, score_charts
from mtl_ase.run_pages.document import write_page
from mtl_ase.run_pages.gradient_maps import gradient_maps
from mtl_ase.run_pages.line_chart import legend
from mtl_ase.run_pages.numbers import duration, millions
from mtl_ase.run_pages.parent_config import compare_configs, parent_of
from mtl_ase.run_pages.router_charts import router_charts
from mtl_ase.run_pages.router_maps import router_maps
from mtl_ase.run_pages.run_content import RunContent
from mtl_ase.run_pages.samples import SampleSet
from mtl_ase.run_pages.score_table import directions, score_table, unit_of


def write_run_page(path: Path, run: RunContent, samples: SampleSet) -> None:
    """Write the page of a run.

    Args:
        path: the HTML file.
        run: the run.
        samples: what to look through.

    Raises:
        UserError: the file can't be written.
    """
    parent = parent_of(run.flat, run.overrides)
    configs = [run.flat] if parent is None else [parent.config, run.flat]
    logs = {run.name: run.log}
    write_page(
        path,
        "run.html",
        {
            "title": run.name,
            "run": run,
            "facts": _facts(run),
            "scores": score_table(
                run.tasks,
                run.scored,
                run.metrics,
                run.trivial,
                _reference(run),
                run.evaluation.scores,
            ),
            "parent": parent,
            "differences": compare_configs(configs),
            "losses": loss_charts(logs),
            "validations": score_charts(logs, unit_of(run.scored), directions(run.scored)),
            "maps": router_maps(run.routers),
            "router_charts": router_charts(run.routers),
            "gradients": gradient_maps(run.gradients),
            "legend": legend,
            "samples": samples,
            "sample_data": _for_script(samples),
            "by_class": run.evaluation.by_class,
            "worst": run.evaluation.worst(run.tasks),
        },
    )


def worst_images(run: RunContent) -> dict[str, str]:
    """What to say of the worst image of every task, by its id; empty without an evaluation."""
    said: dict[str, list[str]] = {}
    for key, images in run.evaluation.worst(run.tasks).items():
        said.setdefault(images[0].image_id, []).append(f"{key} {images[0].value:.2f}")
    return {image_id: f"worst {', '.join(keys)}" for image_id, keys in said.items()}


def _reference(run: RunContent) -> dict[str, float]:
    """What delta_m compares with, by key; empty without a reference."""
    values = OmegaConf.select(run.config, "training.reference.values") or {}
    return {str(key): v for key, v in values.items() if isinstance(v, int | float)}


def _facts(run: RunContent) -> dict[str, str]:
    """The most important facts by name."""
    total, trained = run.total
    facts = {
        "Trained parameters": f"{millions(trained)} of {millions(total)}",
        "Optimiser steps": "-" if run.steps is None else f"{run.steps:,}",
        "Data": run.flat.get("data.name", "-"),
        "Seed": run.flat.get("seed", "-"),
    }
    if run.seconds is not None:
        again = f", started {len(run.starts)} times" if len(run.starts) > 1 else ""
        facts["Time"] = f"{duration(run.seconds)}{again}"
    return facts


def _for_script(samples: SampleSet) -> list[Mapping[str, Any]]:
    return [asdict(sample) for sample in samples.samples]
