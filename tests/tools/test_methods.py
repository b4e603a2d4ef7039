"""The page of all methods: its tables are what the command prints, and no method is missing."""

from __future__ import annotations

import re

import pytest
import torch

from mtl_ase.base.installation import CHECKOUT
from mtl_ase.build import build_network, build_tasks, forget_weights
from mtl_ase.config import CONFIGS
from mtl_ase.model.adapters import Adapter
from mtl_ase.tools.methods import METHODS, MODEL, PAGE, table_row, with_table
from tests.conftest import Compose

TEXT = PAGE.read_text(encoding="utf-8")
ROWS = [(part, method) for part, methods in METHODS.items() for method in methods]
NAMED = {method.override.partition("=")[2] for _, method in ROWS}
QUICK = ("experiment=ase", "model/adapter=mtl_lora", "model/decoder=light", "experiment=mtan")


@pytest.mark.parametrize(
    ("part", "method"),
    [pytest.param(*row, id=row[1].name) for row in ROWS if row[1].override in QUICK],
)
def test_a_row_is_what_the_network_says(part, method):
    assert table_row(part, method) in TEXT.splitlines()


@pytest.mark.slow
def test_the_tables_are_what_the_command_prints():
    assert with_table(TEXT) == TEXT, "run python scripts/methods.py --write"


@pytest.mark.parametrize(
    ("part", "without"), [("adapter", "none"), ("decoder", "heads"), ("encoder", None)]
)
def test_every_config_of_a_part_has_a_row(part, without):
    chosen = {
        name
        for experiment in NAMED
        if (path := CONFIGS / "experiment" / f"{experiment}.yaml").is_file()
        for name in re.findall(rf"override /model/{part}: (\w+)", path.read_text())
    }
    configs = {path.stem for path in (CONFIGS / "model" / part).glob("*.yaml")}
    assert configs - {without, "vit"} <= chosen | NAMED
    assert {"mtl_vit", "stl_vit"} <= NAMED


def test_lines_and_links_are_right():
    for path, count in re.findall(r"\]\(\.\./(\S+?)\) \((\d+)\)", TEXT):
        assert len((CHECKOUT / path).read_text().splitlines()) == int(count), (
            "scripts/methods.py --write"
        )
    for path in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (PAGE.parent / path).exists(), path


def test_a_paper_is_named_where_its_method_is_written():
    for _, method in ROWS:
        if method.paper:
            assert any(method.paper in path.read_text() for path in MODEL.rglob("*.py")), (
                method.name
            )


def listed(words: str) -> set[str]:
    """The names of a paragraph that starts with these words."""
    paragraph = re.search(
        rf"^\*\*{words}\*\*(.*?)(?:\n\n|\. With|\. All)", TEXT, re.MULTILINE | re.DOTALL
    )
    assert paragraph
    names = {method.name for part, method in ROWS if part == "adapter"}
    return {name for name in names if re.search(rf"(?<![\w-]){name}(?![\w-])", paragraph[1])}


def test_paragraphs_name_the_adapters_that_they_are_about(composed: Compose):
    found: dict[str, set[str]] = {key: set() for key in ("merge", "mix", "same", "start")}
    for part, method in ROWS:
        if part != "adapter" or "LoRA-MoE" in method.name:
            continue
        config = composed(
            method.override,
            "size.vit.options={depth:4}",
            "tasks=[edge,saliency]",
            "model.lora=null",
            "model/decoder=light",
        )
        forget_weights(config)
        tasks = build_tasks(config)
        with torch.device("meta"):
            network = build_network(config, tasks)
        adapters = [module for module in network.encoder.modules() if isinstance(module, Adapter)]
        for key, holds in (
            ("merge", all(adapter.delta_weight(0) is not None for adapter in adapters)),
            ("mix", any(adapter.mixes_tokens for adapter in adapters)),
            ("same", not any(adapter.knows_tasks for adapter in adapters)),
            ("start", not all(adapter.exact_start for adapter in adapters)),
        ):
            if holds:
                found[key].add(method.name)
    assert listed("Mergeable") == found["merge"]
    assert listed("Mix tokens") == found["mix"] | {"MMoLRE"}
    assert listed("The same for all tasks") == found["same"]
    assert listed("Not zero at the start") == found["start"]
