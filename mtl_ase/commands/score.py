"""Scores a run or a folder of prediction files, and writes the result files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.progress import track
from torch import Tensor

from mtl_ase.base.errors import UserError
from mtl_ase.build import (
    build_data,
    build_module,
    build_protocol,
    build_tasks,
    build_trainer,
    check_part,
    restored_network,
)
from mtl_ase.commands.run_folder import RunFolder
from mtl_ase.data import Sample
from mtl_ase.evaluation import (
    EvalProtocol,
    PredictionFiles,
    Scorer,
    Scores,
    order_of,
)
from mtl_ase.inference import Model
from mtl_ase.machine.cores import usable_cores
from mtl_ase.machine.cpu_speed import prepare_device
from mtl_ase.metrics import CountingMetric
from mtl_ase.report import refuse_links, write_scores
from mtl_ase.tasks import Task
from mtl_ase.training.checkpoint_files import read_checkpoint


def score_run(
    folder: RunFolder,
    name: str,
    checkpoint: Path,
    config: DictConfig,
    require_reference: bool = False,
    trusted: tuple[str, ...] = (),
) -> Scores | None:
    """Score a run's checkpoint, and write the results into its folder.

    Args:
        folder: files of the run.
        name: name of the run in tables.
        checkpoint: the checkpoint to evaluate.
        config: config of the run, with a protocol.
        require_reference: raise if the reference does not match, instead of omitting delta_m.
        trusted: prefixes of your own code that `_target_`s may name.

    Returns:
        The scores; None on ranks other than 0.

    Raises:
        UserError: the data are missing, or the reference does not match.
    """
    refuse_links(folder.path)
    protocol, tasks, keys = _scored_tasks(config, trusted)
    data = build_data(config, tasks)
    data.check_root()
    config.logger, config.callbacks = {}, {"progress": config.callbacks.get("progress")}
    config.trainer.default_root_dir = str(folder.path)  # the run may have been moved
    trainer = build_trainer(config, folder.path)
    if not trainer.limit_val_batches:
        raise UserError("trainer.limit_val_batches=0 leaves nothing to score; leave it out.")
    prepare_device(trainer)
    trained = list(map(str, folder.read_config().tasks))
    network = restored_network(config, read_checkpoint(checkpoint, "cpu"), trained, tasks)
    module = build_module(config, tasks, network, protocol=protocol, evaluating=True)
    _check_reference(module.scorer, require_reference)
    data.prepare_data()
    trainer.validate(module, datamodule=data, verbose=False)
    orders = [scorer for scorer in (module.scorer, module.scorer.resize_first) if scorer]
    for scorer in orders:
        assert scorer.per_image is not None
        scorer.per_image.gather()
    if not trainer.is_global_zero:
        return None
    scores, *other = (
        _scores(name, data.name, scorer, order_of(scorer.protocol)) for scorer in orders
    )
    scores = dataclasses.replace(scores, resize_first=next(iter(other), None))
    results = {key: module.results[key] for key in keys}
    model = Model(network, tasks, data.size_hw, data.augmentation)
    write_scores(folder.path, results, scores, tasks, data, model.predict_sample)
    return scores


def score_files(
    folder: Path,
    name: str,
    config: DictConfig,
    out: Path | None,
    require_reference: bool = False,
    trusted: tuple[str, ...] = (),
) -> Scores:
    """Score the prediction files of another framework.

    Args:
        folder: folder with a subfolder for each task.
        name: name of the network in tables.
        config: config of data, tasks and protocol.
        out: folder for the results; None: `folder`.
        require_reference: raise if the reference does not match, instead of omitting delta_m.
        trusted: prefixes of your own code that `_target_`s may name.

    Raises:
        UserError: the data or a file is missing, or the reference does not match.
    """
    refuse_links(out or folder)
    protocol, tasks, keys = _scored_tasks(config, trusted)
    data = build_data(config, tasks)
    data.check_root()
    check_part(config, "training")
    reference = instantiate(config.training.reference, _convert_="object")
    scorer = Scorer(tasks, reference, data.name, protocol, per_image=True)
    _check_reference(scorer, require_reference)
    files = PredictionFiles(folder, tasks)
    dataset = data.dataset("val", training=False)
    step = 2 * usable_cores()
    for start in track(range(0, len(dataset), step), "scoring", transient=True):
        samples = [dataset[0, index] for index in range(start, min(start + step, len(dataset)))]
        for task in tasks.values():
            predicted = [
                (_read(files, task, sample), sample.labels[task.name]) for sample in samples
            ]
            scorer.add(task, [(s.image_id, s.position) for s in samples], predicted)
    values = scorer.compute()
    scores = _scores(name, data.name, scorer)
    results = {key: values[key] for key in keys}
    write_scores(
        out or folder,
        results,
        scores,
        tasks,
        data,
        lambda sample: {name: _read(files, task, sample) for name, task in tasks.items()},
    )
    return scores


def _scored_tasks(
    config: DictConfig, trusted: tuple[str, ...]
) -> tuple[EvalProtocol, dict[str, Task], list[str]]:
    """The protocol, the tasks with its metrics, and the keys of evaluation.json.

    The keys are those of metrics.json: the tasks' own metrics, then delta_m.
    """
    tasks = build_tasks(config, trusted)  # first: it checks all targets
    protocol = build_protocol(config)
    keys = [*(key for task in tasks.values() for key in task.measured()), "delta_m"]
    return protocol, protocol.apply(tasks), keys


def _check_reference(scorer: Scorer, require_reference: bool) -> None:
    """Print why delta_m is omitted, if the reference does not match.

    Raises:
        UserError: the reference does not match and `require_reference` is set.
    """
    if scorer.reference_mismatch and require_reference:
        raise UserError(
            f"delta_m can't be computed: {scorer.reference_mismatch}; give a fitting reference."
        )
    if scorer.reference_mismatch:
        print(f"no delta_m: {scorer.reference_mismatch}")
    if scorer.order_unknown:
        print(
            "delta_m may mix two orders: the reference does not say whether it was activated or "
            "resized first (activate_first); give reference=NAME of one that does."
        )


def _scores(name: str, dataset: str, scorer: Scorer, order: str | None = None) -> Scores:
    counts = scorer.per_image
    assert counts is not None
    metrics = {
        key: metric for key, metric in scorer.metrics.items() if isinstance(metric, CountingMetric)
    }
    image_ids: Sequence[str] = counts.image_ids
    tables = {key: counts.table(key, image_ids) for key in metrics if key in counts.counts}
    return Scores(
        name,
        dataset,
        scorer.protocol.name,
        image_ids,
        {key: metrics[key] for key in tables},
        tables,
        scorer.headlines,
        scorer.reference,
        order,
    )


def _read(files: PredictionFiles, task: Task, sample: Sample) -> Tensor:
    height, width = sample.labels[task.name].shape[-2:]
    return files.read(task.name, sample.image_id, (height, width))
