"""The sizes of the paper's networks, ViT-B/16 and five SETR-PUP heads (Table 1), on no memory."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.build import build_network, build_tasks
from mtl_ase.model import count_parameters

HEADS = 17_726_241
BACKBONE = 85_797_120
TOTALS = {
    "mtl_vit": (103_523_361, 104),
    "ase": (106_771_233, 107),
    "lora_moe": (106_771_233, 107),
    "lora_moe_renormalised": (106_771_233, 107),
    "ase_finegrained": (108_245_793, 108),
    "ase_finest": (111_194_913, 111),
}


@pytest.fixture
def counts(composed):
    def count(*overrides):
        config = composed("model.encoder.pretrained=false", *overrides)
        tasks = build_tasks(config)
        with torch.device("meta"):
            return count_parameters(build_network(config, tasks))

    return count


@pytest.mark.parametrize("experiment", TOTALS)
def test_totals(counts, experiment):
    found = counts(f"experiment={experiment}")
    total, millions = TOTALS[experiment]
    assert sum(count.total for count in found.values()) == total
    assert round(total / 1e6) == millions
    assert found["backbone"].total == BACKBONE
    assert sum(c.total for name, c in found.items() if name.startswith("head.")) == HEADS


def test_what_is_trained(counts):
    found = counts("experiment=ase")
    assert found["backbone"].trainable == 0
    assert all(c.trainable == c.total for name, c in found.items() if name != "backbone")
    assert counts("experiment=mtl_vit")["backbone"].trainable == BACKBONE


def test_parts_of_the_standard_setting(counts):
    """By hand: d = 768, 12 blocks, 5 tasks, 16/3/1/4."""
    found = counts("experiment=ase")
    widths = [(768, 3 * 768), (768, 768), (768, 4 * 768), (4 * 768, 768)]
    assert found["lora"].total == 12 * sum(4 * (width + out) for width, out in widths)
    assert found["task_embedding"].total == 5 * 768
    assert found["routers"].total == 12 * 5 * 768 * 2 * 16
    assert found["experts"].total == 12 * 16 * 4 * 2 * 768


def test_the_naive_router_has_no_logits_for_shared_experts(counts):
    assert counts("experiment=naive_shared")["routers"].total == 12 * 5 * 768 * 2 * 15


def test_granularity_keeps_the_experts_size(counts):
    sizes = {counts(f"experiment={e}")["experts"].total for e in TOTALS if e != "mtl_vit"}
    assert len(sizes) == 1


@pytest.mark.parametrize(("granularity", "experiment"), [(2, "ase_finegrained"), (4, "ase_finest")])
def test_granularity_ties_the_paper_s_settings(composed, granularity, experiment):
    """`ase` split so many times is the network of the paper's finer setting."""

    def shapes(*overrides):
        config = composed("model.encoder.pretrained=false", *overrides)
        tasks = build_tasks(config)
        with torch.device("meta"):
            network = build_network(config, tasks)
        adapter = network.encoder.blocks[0].adapters["ffn"]
        found = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        return found, str(adapter.gate), adapter.scale

    split = shapes("experiment=ase", f"model.adapter.granularity={granularity}")
    assert split == shapes(f"experiment={experiment}")
