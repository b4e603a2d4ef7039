"""Published results on the same data set and protocol, for comparison in tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf


@dataclass(frozen=True)
class Published:
    """A row of a published table.

    Attributes:
        name: name of the network.
        dataset: name of the data set.
        protocol: name of the evaluation protocol.
        source: paper and table of the numbers.
        values: results by full metric key.
        order: "activate_first" or "resize_first", see `EvalProtocol`; None: unknown.
    """

    name: str
    dataset: str
    protocol: str
    source: str
    values: Mapping[str, float]
    order: str | None


def published(dataset: str, protocol: str) -> list[Published]:
    """The published rows of this data set and protocol."""
    content = OmegaConf.to_container(OmegaConf.load(Path(__file__).with_name("published.yaml")))
    assert isinstance(content, list)
    rows = [Published(**row) for row in content]
    return [row for row in rows if row.dataset == dataset and row.protocol == protocol]
