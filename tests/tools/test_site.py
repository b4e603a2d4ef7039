"""The documentation's site: links and names lead somewhere, what is generated is up to date."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from mtl_ase.base.errors import UserError
from mtl_ase.config import CONFIGS
from mtl_ase.tools.site import staged_pages
from mtl_ase.tools.site.api_pages import PACKAGES, api_pages, page_of
from mtl_ase.tools.site.config_pages import (
    MEANS,
    choice,
    config_pages,
    default_options,
    groups,
    options,
)
from mtl_ase.tools.site.house_picture import PICTURE, imports_of, needed, picture, rooms
from tests.conftest import ROOT, Compose
from tests.test_house import PACKAGE, ROOMS, rooms_of

PAGES = sorted((ROOT / "docs").rglob("*.md"))
SYMBOLS = sorted({s for p in PAGES for s in re.findall(r"`(mtl_ase(?:\.\w+)+)`", p.read_text())})
SETTINGS = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
MISSING = object()
GENERATED = config_pages() | api_pages()


def entries(nav: object) -> list[str]:
    """The pages that a part of the navigation names."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    assert isinstance(parts, Iterable)
    return [page for part in parts for page in entries(part)]


def test_every_page_is_in_the_navigation() -> None:
    """And every entry is a page; results of suites are linked from results/README.md."""
    there = {str(page.relative_to(ROOT / "docs")) for page in PAGES}
    there = {p for p in there if not re.match(r"results/.+/", p)} | set(GENERATED)
    assert sorted(entries(SETTINGS["nav"])) == sorted(there)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_names_of_the_docs_exist(symbol: str) -> None:
    assert pkgutil.resolve_name(symbol) is not None


def test_the_paper_s_equations_are_all_in_the_table() -> None:
    rows = re.findall(
        r"^\| (Eq\. .*?) \|.*`mtl_ase", (ROOT / "docs/paper.md").read_text(), re.MULTILINE
    )
    found = {
        number
        for row in rows
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", row)
        for number in range(int(first), int(last or first) + 1)
    }
    assert found == set(range(1, 14))


def test_the_picture_of_the_house_is_up_to_date() -> None:
    assert picture() == PICTURE.read_text(), "run python scripts/draw_house.py"


def test_the_picture_s_arrows_are_the_imports() -> None:
    assert rooms() == ROOMS
    files = {room: list((PACKAGE / room).rglob("*.py")) for room in ROOMS}
    expected = {r: {o for f in files[r] for o in rooms_of(f)} - {r} for r in ROOMS}
    found = imports_of(ROOMS)
    assert found == expected
    arrows = needed(found)
    reached = {room: set(arrows[room]) for room in ROOMS}
    for room in ROOMS:  # rooms only import from those before them
        reached[room] |= {far for near in arrows[room] for far in reached[near]}
        assert reached[room] >= found[room]
        for dropped in arrows[room]:
            others = arrows[room] - {dropped}
            assert dropped not in {far for near in others for far in reached[near]}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_api_has_every_public_name(package: str) -> None:
    page = GENERATED[f"reference/api/{page_of(package)}.md"]
    names = pkgutil.resolve_name(package).__all__
    assert re.findall(r"^::: (.*)$", page, re.MULTILINE) == [f"{package}.{name}" for name in names]


def test_every_group_has_a_page_with_every_option() -> None:
    assert set(groups()) == set(MEANS)
    files = {p for p in CONFIGS.rglob("*.yaml") if p.parent != CONFIGS and p.parent.name != "local"}
    assert {CONFIGS / g / f"{o.name}.yaml" for g in groups() for o in options(g)} == files
    assert all(option.header for group in groups() for option in options(group))


@pytest.mark.slow
@pytest.mark.parametrize("group", sorted(set(groups()) - {"protocol"}))
def test_the_stated_choice_chooses(composed: Compose, group: str) -> None:
    """Every stated way to choose composes, and the stated keys are there."""
    for option in options(group)[:3]:
        value = f"[{option.name}]" if group == "tasks" else option.name
        override = choice(group, value)
        before = ["experiment=mtl_resnet18"] if option.name == "deeplab" else []
        config = composed(*before, override)
        if group not in ("head", "gate"):  # their keys stand where they are chosen
            for key in option.keys:
                assert OmegaConf.select(config, key.name, default=MISSING) is not MISSING, key


def test_defaults_are_those_of_the_root_config() -> None:
    chosen = default_options()
    assert chosen["balance"] == "fixed"
    assert chosen["model/adapter"] == "ase"
    assert chosen["gate"] == "adaptive_shared"
    assert chosen["head"] == "setr_pup"
    assert chosen["data/augmentation"] == "m3vit"
    assert chosen["recipe"] == "none"


def test_a_page_of_the_site_links_to_pages_of_the_site(tmp_path: Path) -> None:
    page = ROOT / "docs" / "methods.md"
    text, linked = staged_pages.for_site(page, set())
    assert "](source/mtl_ase/model/adapters/lora.py.md)" in text
    assert ROOT / "mtl_ase/model/adapters/lora.py" in linked
    assert "](../" not in text
    lost = tmp_path / "lost.md"
    lost.write_text("[here](nowhere.md)")
    with pytest.raises(UserError, match=r"nowhere\.md leads nowhere"):
        staged_pages.for_site(lost, set())


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """And it loads nothing from elsewhere."""
    pytest.importorskip("zensical")
    settings = (ROOT / "mkdocs.yml").read_text().replace("build/", "")
    settings = settings.replace("paths: [.]", f"paths: [{ROOT}]")
    (tmp_path / "mkdocs.yml").write_text(settings)
    staged_pages.stage(tmp_path / "docs")
    build = [sys.executable, "-m", "zensical", "build", "--strict", "-f", "mkdocs.yml"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "No issues found" in said
    assert not re.search("warning|griffe", said, re.IGNORECASE)
    loaded = r"<(?:script|img|link rel=.?(?:stylesheet|icon|preload))[^>]*(?:src|href)=.?https?:"
    for page in (tmp_path / "site").rglob("*.html"):
        assert not re.search(loaded, page.read_text()), page
