"""Whether routers are alive, against numbers that can be counted by hand."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import pytest
import torch

from mtl_ase.base.csv_rows import read_rows
from mtl_ase.model import Routing
from mtl_ase.report.router_figure import draw_router_health
from mtl_ase.training.router_health import RouterHealth, health_of
from mtl_ase.training.router_log import COLUMNS, _rows, statistics

TASKS = ["semseg", "edge"]
APART = [[[0, 1]], [[2, 3]]]
"""Experts that the tokens of two tasks select: always the same, no task those of the other."""


def log_of(
    folder: Path, chosen: list[list[list[int]]], shared: float, probability: torch.Tensor
) -> Path:
    """A router.csv of one step: k of 4 experts a token, one shared expert of a given weight."""
    tokens = [len(of_task) for of_task in chosen]
    gate_TBLE = torch.zeros(len(chosen), 1, tokens[0], 5)
    for task, of_task in enumerate(chosen):
        for token, experts in enumerate(of_task):
            gate_TBLE[task, 0, token, experts] = (1 - shared) / len(experts)
    gate_TBLE[..., 4] = shared
    logits_TBLE = probability.log()[:, None, None].expand(-1, 1, tokens[0], -1)
    routing = [Routing(layer, "ffn", logits_TBLE, gate_TBLE) for layer in range(2)]
    lines = [",".join(COLUMNS)]
    lines += [",".join(map(str, row)) for r in statistics(routing) for row in _rows(7, r, TASKS)]
    path = folder / "router.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def health(*arguments: object) -> RouterHealth:
    (found,) = health_of(read_rows(log_of(*arguments)))  # type: ignore[arg-type]
    return found


EVEN = torch.full((2, 4), 0.25)


def test_dead_routers(tmp_path: Path) -> None:
    """Every task owns two experts; the shared one has hardly a weight."""
    probability = torch.tensor([[0.5, 0.5, 1e-9, 1e-9], [1e-9, 1e-9, 0.5, 0.5]])
    found = health(tmp_path, APART, 0.01, probability)
    assert found.step == 7
    assert found.uniform == pytest.approx(1 / 3, abs=1e-4)
    assert found.shared == {"semseg": 0.01, "edge": 0.01}
    assert found.leads == 0
    assert found.token_entropy == {"semseg": 0, "edge": 0}
    assert found.information == pytest.approx(1, abs=1e-4)
    assert found.idle == 0


def test_living_routers(tmp_path: Path) -> None:
    """Tokens select all experts equally often, in both tasks."""
    pairs = [[0, 1], [1, 2], [2, 3], [3, 0]]
    found = health(tmp_path, [pairs, pairs], 1 / 3, EVEN)
    assert found.shared == pytest.approx({"semseg": 1 / 3, "edge": 1 / 3}, abs=1e-4)
    assert found.leads == 1
    assert found.token_entropy == {"semseg": 1, "edge": 1}
    assert found.information == pytest.approx(0, abs=1e-4)


def test_between(tmp_path: Path) -> None:
    """Expert 3 is idle; 0, 1 and 2 are selected 1, 3 and 2 times in three tokens of two."""
    some = [[0, 1], [1, 2], [1, 2]]
    found = health(tmp_path, [some, some], 0.2, EVEN)
    shares = (1 / 6, 3 / 6, 2 / 6)
    entropy = -sum(share * math.log(share) for share in shares)
    expected = (entropy - math.log(2)) / (math.log(4) - math.log(2))
    assert found.token_entropy == pytest.approx({"semseg": expected, "edge": expected}, abs=1e-4)
    assert found.idle == 0.25
    assert found.leads == 0, "expert 1 has 0.4"


def test_information_of_two_tasks_is_that_of_the_table(tmp_path: Path) -> None:
    probability = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.125, 0.125, 0.25, 0.5]])
    found = health(tmp_path, APART, 0.2, probability)
    joint = (probability / 2).double()
    independent = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    information = float((joint * (joint / independent).log()).sum())
    assert found.information == pytest.approx(information / math.log(2), abs=1e-4)


def test_it_is_drawn(tmp_path: Path) -> None:
    found = health(tmp_path, APART, 0.2, EVEN)
    draw_router_health([found, found._replace(step=20)], tmp_path / "figures" / "health.png")
    drawn = cv2.imread(str(tmp_path / "figures" / "health.png"))
    assert drawn is not None
    assert drawn.shape[1] > 2 * drawn.shape[0]


def test_no_log_no_health(tmp_path: Path) -> None:
    assert health_of(read_rows(tmp_path / "router.csv")) == []
