"""Benchmark of balancing rules: a training step with one, over a step with fixed weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from mtl_ase.balance import FixedWeights, GradientRule
from mtl_ase.config import CONFIGS
from mtl_ase.model.network import resized
from mtl_ase.tools.benchmarks.interleaved import Timing, interleave
from mtl_ase.tools.benchmarks.training_step import TrainingStep
from mtl_ase.training.task_gradients import TaskGradients

ROUNDS, SLOW_ROUNDS = 30, 10
RULES = ("nash_mtl", "pcgrad", "upgrad")


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Whole training steps, timed alternately: forward, backward, rule, clipping, AdamW.

    "fixed" is the plain step. A rule's name alone is ours, from one backward pass; "RULE, T passes"
    is the same rule on a Jacobian from a backward pass for every task, LibMTL's way; "pcgrad,
    torchjd" is TorchJD's `mtl_backward` with its PCGrad, if it is installed. The images, labels and
    weights are random. TorchJD's step takes the gradient of the regularisers as ours does, in the
    routers' parameters alone.

    Args:
        config: the whole config; its `model` node is changed.

    Returns:
        Medians in seconds; ratios to "fixed", of the same round; `ratio` is TorchJD's step over our
        PCGrad's.
    """
    step = TrainingStep(config)
    slowly = TaskGradients(step.network, list(step.weights), in_passes=False)
    fixed = FixedWeights(step.weights)
    rules = {name: _rule(name, step.weights) for name in RULES}
    ways: dict[str, Callable[[int], None]] = {"fixed": lambda _: step.run(fixed)}
    ways |= {name: partial(_step_on, step, step.gradients, rule) for name, rule in rules.items()}
    timings = interleave(ways, range(ROUNDS))
    slow = {name: ways[name] for name in ("fixed", "pcgrad")}
    slow |= {
        f"{name}, T passes": partial(_step_on, step, slowly, rule) for name, rule in rules.items()
    }
    if (torchjd := _torchjd()) is not None:
        slow["pcgrad, torchjd"] = partial(_step_of_torchjd, step, slowly, *torchjd)
    slow_timings = interleave(slow, range(SLOW_ROUNDS))
    over_fixed = _over_fixed(slow_timings) | _over_fixed(timings)
    other = "pcgrad, torchjd" if torchjd is not None else "pcgrad, T passes"
    seconds = {**slow_timings, **timings}
    return {
        "network": config.experiment_name,
        "image_size": list(config.data.image_size),
        "images": config.data.batch_size,
        "precision": config.trainer.precision,
        "shared_parameters": step.gradients.num_elements,
        "rounds": [ROUNDS, SLOW_ROUNDS],
        "seconds": {name: round(seconds[name].median_s, 4) for name in over_fixed},
        "over_fixed": over_fixed,
        "ratio": round(slow_timings[other].over(slow_timings["pcgrad"]), 2),
    }


def _over_fixed(timings: Mapping[str, Timing]) -> dict[str, float]:
    return {name: round(timing.over(timings["fixed"]), 3) for name, timing in timings.items()}


def _step_on(step: TrainingStep, gradients: TaskGradients, rule: GradientRule, _: int) -> None:
    step.run_on(gradients, rule)


def _step_of_torchjd(
    step: TrainingStep, of_routers: TaskGradients, autojac: Any, aggregator: nn.Module, _: int
) -> None:
    """The maps are TorchJD's features; what is in front of them is shared."""
    network = step.network
    with step.autocast():
        maps, routing = network.encoder(step.image_BCHW)
        features = list(maps[-1].unbind())
        logits, _routing = network.decoder([features])
        named = step.task_losses(resized(logits, step.image_BCHW))
        losses = [weight * named[name] for name, weight in step.weights.items()]
        extra = step.regularisation(routing)
    of_routers.begin()
    of_routers.add_regularisers(extra, routing)
    heads = network.decoder.of_tasks()
    shared = [p for p in network.encoder.parameters() if p.requires_grad]
    autojac.mtl_backward(
        losses,
        features=features,
        tasks_params=[heads[name] for name in step.weights],
        shared_params=shared,
        parallel_chunk_size=1,
    )
    autojac.jac_to_grad(shared, aggregator)
    for parameter, grad in of_routers.of_regularisers.items():
        parameter.grad = grad if parameter.grad is None else parameter.grad + grad
    step.update()


def _rule(name: str, weights: Mapping[str, float]) -> GradientRule:
    node = OmegaConf.load(CONFIGS / "balance" / f"{name}.yaml")
    whole = OmegaConf.create({"seed": 0, "balance": node})
    return cast(GradientRule, instantiate(whole.balance)(weights=weights))


def _torchjd() -> tuple[Any, nn.Module] | None:
    try:
        from torchjd import aggregation, autojac
    except ImportError:
        return None
    return autojac, aggregation.PCGrad()
