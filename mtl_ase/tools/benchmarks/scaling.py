"""Memory and arithmetic of training steps on GPUs, counted without one. Legend: B images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from timm.layers.config import set_fused_attn

from mtl_ase.build import build_network, build_outline, build_tasks, forget_weights
from mtl_ase.config import run_once
from mtl_ase.model import Count, count_all
from mtl_ase.tools.benchmarks.arithmetic import flops
from mtl_ase.tools.saved_memory import look_at_forward, without_data
from mtl_ase.training.task_gradients import TaskGradients

GIB = 2**30
CARDS_GIB = (24, 48, 80)
USABLE = 0.9
"""Share of a card's memory for what is counted; the rest is for what lives shorter."""
BYTES_OF_WEIGHT, BYTES_OF_TRAINED = 4, 4 + 8
"""A weight in 32 bits; its gradient and AdamW's two means."""
SIZES = (224, 448, 512)
NETWORKS = {"ViT-B/16": "vit_base_patch16_224", "ViT-L/16": "vit_large_patch16_224"}
HEADS = ("setr_pup", "light")


@dataclass(frozen=True)
class PerImageAndBlock:
    """A number that grows linearly with the images and with the blocks of the encoder.

    value = step + B image + depth (block + B image_block).

    Attributes:
        step: what is there once a step.
        image: of one image.
        block: of one block.
        image_block: of one image in one block.
    """

    step: float
    image: float
    block: float
    image_block: float

    @classmethod
    def fitted(cls, measure: Callable[[int, int], float]) -> PerImageAndBlock:
        """From four measurements of (images, blocks)."""
        one, two = measure(1, 1), measure(2, 1)
        of_one, of_two = measure(1, 2) - one, measure(2, 2) - two
        image_block = of_two - of_one
        block = of_one - image_block
        image = two - one - image_block
        return cls(one - image - block - image_block, image, block, image_block)

    def __call__(self, images: int, depth: int) -> float:
        """The value for a batch and a number of blocks."""
        of_block = self.block + images * self.image_block
        return self.step + images * self.image + depth * of_block


class Memory(NamedTuple):
    """Bytes that a training step holds.

    Attributes:
        once: whatever the batch.
        image: of one image.
    """

    once: float
    image: float

    def of(self, images: int) -> float:
        """Bytes of a batch."""
        return self.once + images * self.image

    def largest_batch(self, gib: int) -> int:
        """Images that fit on a card."""
        return max(0, int((USABLE * gib * GIB - self.once) / self.image))


def benchmark(config: DictConfig) -> dict[str, Any]:
    """Count what ViT-B and ViT-L need at several sizes, with two heads.

    Kept for the backward pass in bfloat16, arithmetic of a step, and the largest batches on cards,
    where the network's weights, gradients and AdamW's means leave room. Numbers grow linearly with
    images and blocks, so one and two of them are counted (`tests/tools/test_scaling.py`).

    Args:
        config: the whole config; only its overrides are used.

    Returns:
        A row for every network, size and head; `ratio` is the memory of a training with
        activation checkpointing over that of one without, for the first row and 8 images; 1 if the
        encoder has no such option.
    """
    given = list(HydraConfig.get().overrides.task)
    rows = [row(name, size, head, given) for name in NETWORKS for size in SIZES for head in HEADS]
    return {
        "experiment": config.experiment_name,
        "precision": "bf16-mixed",
        "usable share of a card": USABLE,
        "rows": rows,
        "ratio": rows[0].get("checkpointed over not", 1.0),
    }


def row(network: str, size: int, head: str, given: list[str]) -> dict[str, Any]:
    """What a network needs."""
    own = [*given, f"head@size.head={head}", f"size.vit.name={NETWORKS[network]}"]
    own += [f"data.image_size=[{size},{size}]", "trainer.precision=bf16-mixed"]
    depth, tokens_bytes, count, shared = run_once(_facts, own)
    saved = PerImageAndBlock.fitted(lambda *n: run_once(_saved, [*own, *_small(*n)]))
    arithmetic = PerImageAndBlock.fitted(lambda *n: run_once(step_flops, [*own, *_small(*n)]))
    weights = BYTES_OF_WEIGHT * count.total + BYTES_OF_TRAINED * count.trainable
    once = weights + saved(0, depth)
    plain = Memory(once, saved(1, depth) - saved(0, depth))
    found = {
        "network": network,
        "size": size,
        "head": head,
        "parameters, M": round(count.total / 1e6, 1),
        "trained, M": round(count.trainable / 1e6, 2),
        "shared by tasks, M": round(shared / 1e6, 2),
        "GiB for weights": round(weights / GIB, 2),
        "GiB an image": round(plain.image / GIB, 3),
        "TFLOP an image": round((arithmetic(1, depth) - arithmetic(0, depth)) / 1e12, 3),
        "largest batch": _largest_batches(plain),
    }
    if tokens_bytes is not None:
        checkpointed = Memory(once, saved.image + saved.image_block + depth * tokens_bytes)
        found |= {
            "GiB an image, checkpointed": round(checkpointed.image / GIB, 3),
            "largest batch, checkpointed": _largest_batches(checkpointed),
            "checkpointed over not": round(checkpointed.of(8) / plain.of(8), 3),
        }
    return found


def _largest_batches(memory: Memory) -> dict[str, int]:
    return {str(gib): memory.largest_batch(gib) for gib in CARDS_GIB}


def step_flops(config: DictConfig) -> float:
    """FLOPs (2 per multiply-add) of a forward and backward pass; nothing is computed."""
    forget_weights(config)
    set_fused_attn(False)
    mode, network = without_data(build_network(config, build_tasks(config)).train())
    with mode:
        shape = (config.data.batch_size, 3, *config.data.image_size)
        image_BCHW = torch.zeros(shape, dtype=torch.uint8)

        def step() -> None:
            logits = network(image_BCHW).logits.values()
            torch.stack([value_BCHW.sum() for value_BCHW in logits]).sum().backward()

        return flops(step)


def _facts(config: DictConfig) -> tuple[int, int | None, Count, int]:
    """Depth, bytes of an image's tokens before a block; parameters, and shared ones.

    The bytes are None where the encoder can't keep the tokens alone, to compute the rest again.
    """
    network = build_outline(config)
    shared = TaskGradients(network, list(config.tasks)).num_elements
    site = network.encoder.sites()[0]
    tokens_bytes = None
    if "activation_checkpointing" in config.model.encoder:
        tokens_bytes = 4 * site.num_tasks * site.num_tokens * site.width_in
    return site.num_layers, tokens_bytes, count_all(network), shared


def _saved(config: DictConfig) -> float:
    return look_at_forward(config).saved


def _small(images: int, depth: int) -> list[str]:
    return [f"data.batch_size={images}", f"size.vit.options={{depth:{depth}}}"]
