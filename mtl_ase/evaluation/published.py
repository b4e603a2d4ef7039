"""Published results that may stand beside ours: same data set, same protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf


@dataclass(frozen=True)
class Published:
    """A row of a published table.

    Attributes:
        name: of the network.
        dataset: it was scored on.
        protocol: by which.
        source: where the numbers stand.
        values: by full metric key.
        order: "activate_first" or "resize_first", see `EvalProtocol`; None: not known.
    """

    name: str
    dataset: str
    protocol: str
    source: str
    values: Mapping[str, float]
    order: str | None


def published(dataset: str, protocol: str) -> list[Published]:
    """The rows that can be compared with."""
    content = OmegaConf.to_container(OmegaConf.load(Path(__file__).with_name("published.yaml")))
    assert isinstance(content, list)
    rows = [Published(**row) for row in content]
    return [row for row in rows if row.dataset == dataset and row.protocol == protocol]
