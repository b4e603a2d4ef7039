"""What the tests of training share."""

from __future__ import annotations

import pytest
import torch

from mtl_ase.build import build_module, build_network, build_tasks
from tests.training.jacobians import small


@pytest.fixture
def tiny_module(composed, tiny, monkeypatch):
    """Builds the module of overrides; what it logs lies in module.logged."""

    def make(*overrides):
        torch.manual_seed(0)
        config = composed(*small(tiny, overrides), *overrides)
        tasks = build_tasks(config)
        module = build_module(config, tasks, build_network(config, tasks))
        module.logged = {}
        monkeypatch.setattr(
            module, "log", lambda key, value, **_: module.logged.update({key: value})
        )
        return module

    return make


@pytest.fixture
def tasks(tiny_module):
    """The five tasks, as a module holds them."""
    return tiny_module("metrics.edge.max_images=null").scorer.tasks
