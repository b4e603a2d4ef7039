"""One training run, from the config to the DONE file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import lightning.pytorch as pl
import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig
from torch.utils.data import DataLoader

from mtl_ase.base.atomic_files import write_json
from mtl_ase.base.csv_rows import read_rows
from mtl_ase.base.folder_lock import folder_lock
from mtl_ase.base.installation import program
from mtl_ase.build import build_data, build_module, build_network, build_tasks, build_trainer
from mtl_ase.commands.fit import fit
from mtl_ase.commands.report_arguments import NUM_SAMPLES
from mtl_ase.commands.run_checks import (
    check_classes,
    check_monitors,
    check_settings,
    check_trainer,
    check_validation,
)
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.commands.same_run import check_same_run, keep_precision
from mtl_ase.commands.stage_scores import stage_results, write_stages
from mtl_ase.config import silence_libraries
from mtl_ase.data import DataModule, collate_training
from mtl_ase.evaluation import ConstantPredictor
from mtl_ase.inference import Model
from mtl_ase.launch.launch_checks import check_launch
from mtl_ase.launch.launched_ranks import end_with_launcher
from mtl_ase.machine.cpu_speed import prepare_device
from mtl_ase.model import count_parameters
from mtl_ase.report import draw_gradients, draw_losses, draw_routers, print_results, write_sheets
from mtl_ase.report.expert_maps import draw_expert_maps
from mtl_ase.report.logged_figures import log_figures
from mtl_ase.report.router_figure import draw_router_health
from mtl_ase.report.sheets import IMAGES_PER_SHEET
from mtl_ase.run_pages import RunContent, choose_samples, write_run_page
from mtl_ase.sweeps import as_typed
from mtl_ase.training import MultiTaskModule
from mtl_ase.training.router_health import as_json, health_of

TRIVIAL_IMAGES = 256


def train(config: DictConfig, trusted: tuple[str, ...] = ()) -> None:
    """Train, validate and write a complete run folder.

    Args:
        config: the whole config.
        trusted: prefixes of your own code that `_target_`s may name, e.g. ("my_tasks.",).
    """
    silence_libraries()
    check_settings(config)
    end_with_launcher()
    folder = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    first = rank_zero_only.rank == 0  # type: ignore[attr-defined]
    with folder_lock(folder.path, "run_dir") if first else nullcontext():
        _train(config, folder, trusted)


def _train(config: DictConfig, folder: RunFolder, trusted: tuple[str, ...]) -> None:
    checkpoint = folder.checkpoint_to_resume(config.resume)
    if checkpoint is not None:
        check_same_run(checkpoint, config)
        keep_precision(checkpoint, config)
    pl.seed_everything(config.seed, workers=True)

    tasks = build_tasks(config, trusted)
    data = build_data(config, tasks)
    data.check_root()
    trainer = build_trainer(config, folder.path)
    check_classes(tasks, data)
    check_trainer(trainer)
    check_monitors(trainer, tasks)
    check_launch(config, trainer)
    prepare_device(trainer)
    module = build_module(config, tasks, build_network(config, tasks))
    data.prepare_data()
    check_validation(trainer, data)
    if trainer.is_global_zero:
        folder.write_start(config, data, as_typed(HydraConfig.get().overrides.task))

    fit(trainer, module, data, folder, checkpoint)
    by_stage = stage_results(trainer, module, data, folder)
    columns = {config.experiment_name: module.results}
    if config.report.trivial:
        columns["trivial"] = trivial_results(trainer, module, data)
    if trainer.is_global_zero:
        if module.plan.several:
            write_stages(folder, module, by_stage)
        _report(config, folder, trainer, module, data, columns)
        folder.done.touch()


def _report(
    config: DictConfig,
    folder: RunFolder,
    trainer: pl.Trainer,
    module: MultiTaskModule,
    data: DataModule,
    columns: Mapping[str, dict[str, float | None]],
) -> None:
    write_json(folder.metrics, columns[config.experiment_name])
    if "trivial" in columns:
        write_json(folder.trivial_metrics, columns["trivial"])
    tasks = module.scorer.tasks
    model = Model(module.network, tasks, data.size_hw, data.augmentation)
    write_sheets(model, data, folder.predictions, config.report.num_sheets)
    draw_losses(folder.log, folder.losses_figure)
    routers = read_rows(folder.router_log)
    draw_routers(routers, folder.routers_figure)
    draw_routers(routers, folder.selections_figure, "share")
    if health := health_of(routers):
        write_json(folder.router_health, as_json(health))
        draw_router_health(health, folder.router_health_figure)
        draw_expert_maps(module.network, list(tasks), data, folder.expert_maps_figure)
    draw_gradients(folder.gradient_log, folder.gradients_figure)
    log_figures(trainer.loggers, folder.figures, trainer.global_step)
    folder.write_end()
    print_results(columns, module.scorer)
    print(f"run folder: {folder.path}")
    if config.report.page:
        count = min(NUM_SAMPLES, IMAGES_PER_SHEET * config.report.num_sheets)
        _write_page(folder, model, data, count)


def _write_page(folder: RunFolder, model: Model, data: DataModule, num_samples: int) -> None:
    """Write the run's page and name it; an error is told, and the run is none the worse for it."""
    try:
        parameters = count_parameters(model.network)
        run = RunContent(folder, folder.read_config(), model.tasks, {}, parameters)
        samples = choose_samples(model, data, num_samples, {})
        write_run_page(folder.page, run, samples)
    except Exception as error:
        warnings.warn(
            f"no {folder.page.name} could be written ({type(error).__name__}: {error}); the "
            f"run is complete; try {program('report')} run={folder.path}.",
            stacklevel=2,
        )
        return
    print(f"report: {folder.page}")


def trivial_results(
    trainer: pl.Trainer, module: MultiTaskModule, data: DataModule
) -> dict[str, float | None]:
    """Validation scores of `ConstantPredictor`; a collective operation of all processes."""
    scorer, network = module.scorer, ConstantPredictor(module.scorer.tasks)
    dataset = data.dataset("train", training=True)
    keys = [(0, index) for index in range(min(TRIVIAL_IMAGES, len(dataset)))]
    network.fit(DataLoader(dataset, 16, sampler=keys, collate_fn=collate_training))
    network.to(trainer.strategy.root_device)
    for batch in data.val_dataloader():
        batch = trainer.strategy.batch_to_device(batch)
        with torch.inference_mode():
            scorer.update(network(batch.image_BCHW).logits, batch)
    results: dict[str, float | None] = scorer.compute()
    scorer.reset()
    return results
