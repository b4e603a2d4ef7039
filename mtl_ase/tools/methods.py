"""The table of all methods: equation, paper, files, sites, trained parameters, override."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig, OmegaConf
from torch import nn

import mtl_ase.model
from mtl_ase.base.installation import CHECKOUT
from mtl_ase.build import build_outline
from mtl_ase.config import run_once
from mtl_ase.model import MultiTaskNetwork
from mtl_ase.model.adapters import Adapter

MODEL = Path(inspect.getfile(mtl_ase.model)).parent
METHODS = OmegaConf.load(Path(__file__).with_name("methods.yaml"))
"""The methods by the part of the network that they change: adapter, decoder, encoder."""
PAGE = CHECKOUT / "docs" / "methods.md"
START, END = "<!-- python scripts/methods.py --write -->", "<!-- the end of the tables -->"
HEAD = ("equation", "paper", "files (lines)", "sites", "own", "all", "override")


class Facts(NamedTuple):
    """What is read off the network of a method.

    Attributes:
        file: where its class is written.
        sites: where it stands.
        own: trained parameters of the method itself.
        all: all trained parameters.
    """

    file: Path
    sites: str
    own: int
    all: int


def methods_table() -> str:
    """A table for each part of the network, as Markdown, with links as seen from `docs/`."""
    tables = []
    for part, methods in METHODS.items():
        rule = (*("---",) * 5, *("---:",) * 2, "---")
        lines = [f"| {' | '.join(cells)} |" for cells in ((str(part), *HEAD), rule)]
        tables.append("\n".join(lines + [table_row(str(part), method) for method in methods]))
    return "\n\n".join(tables)


def with_table(page: str) -> str:
    """A page with the table of today between its two marks."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    return f"{before}{start}\n{methods_table()}\n{end}{after}"


def table_row(part: str, method: DictConfig) -> str:
    """A method's row."""
    facts = run_once(lambda config: _look(part, config), [method.override])
    second = method.get("second_file")
    files = [facts.file, *([MODEL / second] if second else [])]
    cells = (
        method.name,
        f"`{method.equation}`",
        f"[{method.paper}](https://arxiv.org/abs/{method.paper})" if method.paper else "ours",
        ", ".join(map(_link, files)),
        facts.sites,
        f"{facts.own / 1e6:.2f}",
        f"{facts.all / 1e6:.2f}",
        f"`{method.override}`",
    )
    return f"| {' | '.join(cells)} |"


def _link(path: Path) -> str:
    count = len(path.read_text(encoding="utf-8").splitlines())
    return f"[{path.name}](../{path.relative_to(CHECKOUT).as_posix()}) ({count})"


def _look(part: str, config: DictConfig) -> Facts:
    """Build the network, without memory for its parameters, and look at it."""
    network = build_outline(config)
    own: dict[str, list[nn.Module]] = {
        "adapter": _adapters(network, config),
        "decoder": [network.decoder],
        "encoder": [network.encoder],
    }
    return Facts(
        Path(inspect.getfile(pkgutil.resolve_name(config.model[part]["_target_"]))),
        _sites(config) if part == "adapter" else "-",
        _trained(own[part]),
        _trained([network]),
    )


def _adapters(network: MultiTaskNetwork, config: DictConfig) -> list[nn.Module]:
    """The adapters of `model.adapter`, without those of `model.lora`."""
    adapters = [module for module in network.encoder.modules() if isinstance(module, Adapter)]
    sites = config.model.adapter.sites if config.model.adapter else ()
    return [adapter for adapter in adapters if adapter.site.name in sites]


def _sites(config: DictConfig) -> str:
    """An adapter's sites, and those of plain LoRA beside it."""
    parts = {"": config.model.adapter, "; LoRA: ": config.model.lora}
    return "".join(word + ", ".join(node.sites) for word, node in parts.items() if node)


def _trained(modules: Iterable[nn.Module]) -> int:
    """How many parameters are trained."""
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)
