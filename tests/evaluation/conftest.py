"""The five tasks with their own metrics."""

from __future__ import annotations

import pytest

from mtl_ase.build import build_tasks
from mtl_ase.tasks import Task
from tests.conftest import Compose


@pytest.fixture
def tasks(composed: Compose) -> dict[str, Task]:
    """As configs/tasks puts them together; edges on all images."""
    return build_tasks(composed("metrics.edge.max_images=null"))
