"""Scoring a finished run on its own or other data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.config import (
    CONFIGS,
    build_data,
    build_module,
    build_network,
    build_tasks,
    build_trainer,
    silence_libraries,
)
from mtl_ase.errors import UserError
from mtl_ase.report import print_results
from mtl_ase.training import MultiTaskModule, prepare_device

USAGE = (
    "python evaluate.py run=RUN_DIR [checkpoint=last|best] "
    "[data=scenes|pascal_context] [data.root=DIR]"
)


def evaluate(arguments: Sequence[str]) -> None:
    """Score a run's checkpoint; writes evaluation.json into its folder and prints the table.

    Args:
        arguments: overrides as on train.py's command line, with run=RUN_DIR among them.

    Raises:
        UserError: no run, no checkpoint, or an override that does not fit.
    """
    silence_libraries()
    folder, checkpoint, config = read_arguments(arguments)
    tasks = build_tasks(config)
    data = build_data(config, tasks)
    data.check_root()
    config.logger, config.callbacks = {}, {"progress": config.callbacks.get("progress")}
    trainer = build_trainer(config)
    prepare_device(trainer)
    config.model.backbone.pretrained, config.model.backbone.weights = False, None
    module = build_module(config, tasks, build_network(config, tasks))
    assert isinstance(module, MultiTaskModule)
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    module.load_state_dict(state)
    data.prepare_data()
    trainer.validate(module, datamodule=data, verbose=False)
    if trainer.is_global_zero:
        folder.write_json("evaluation.json", module.results)
        print_results({checkpoint.stem: module.results}, module.scorer)


def read_arguments(arguments: Sequence[str]) -> tuple[RunFolder, Path, DictConfig]:
    """The run folder, the checkpoint to score, and the run's config with the overrides applied.

    Raises:
        UserError: run=RUN_DIR is missing, or an override does not fit.
    """
    if not arguments or {"-h", "--help"} & set(arguments):
        raise UserError(f"usage: {USAGE}")
    overrides = OverridesParser.create().parse_overrides(list(arguments))
    values = {item.key_or_group: item.value() for item in overrides}
    if "run" not in values:
        raise UserError(f"run=RUN_DIR is missing; usage: {USAGE}")
    folder = RunFolder(Path(str(values.pop("run"))).expanduser())
    config = folder.read_config()
    checkpoint = folder.path / "checkpoints" / f"{values.pop('checkpoint', 'last')}.ckpt"
    if not checkpoint.is_file():
        raise UserError(f"{checkpoint} is missing; choose checkpoint=last or checkpoint=best.")
    if "data" in values:
        config.data = _other_data(str(values.pop("data")), config)
    OmegaConf.set_struct(config, True)
    for key, value in values.items():
        OmegaConf.update(config, key, value)
    return folder, checkpoint, config


def _other_data(name: str, config: DictConfig) -> DictConfig:
    """Another data set's config, at the input size the run was trained with."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = compose("train", [f"data={name}", f"seed={config.seed}"])
    data = OmegaConf.create({"seed": config.seed, "data": composed.data}).data
    data.image_size = config.data.image_size
    resolved = OmegaConf.create(OmegaConf.to_container(data, resolve=True))
    assert isinstance(resolved, DictConfig)
    return resolved
