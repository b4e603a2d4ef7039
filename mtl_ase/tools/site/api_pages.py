"""Reference pages of the code: a directive of mkdocstrings for every public class and function."""

from __future__ import annotations

import importlib

from mtl_ase.config.allow_list import ROOMS

FOLDER = "reference/api"
PACKAGES = (
    *ROOMS,
    "mtl_ase.build",
    "mtl_ase.config",
    "mtl_ase.export",
    "mtl_ase.inference",
    "mtl_ase.report",
    "mtl_ase.sweeps",
)
"""The packages with public names, each with a page."""


def api_pages() -> dict[str, str]:
    """The pages by file name below the site's folder."""
    return {f"{FOLDER}/{page_of(package)}.md": package_page(package) for package in PACKAGES}


def public_names() -> set[str]:
    """The import paths of all that the pages describe."""
    return {f"{p}.{name}" for p in PACKAGES for name in importlib.import_module(p).__all__}


def page_of(package: str) -> str:
    """The name of a package's page, without its suffix."""
    return package.removeprefix("mtl_ase.").replace(".", "_")


def package_page(package: str) -> str:
    """A page with the docstrings of what a package exports, classes first as in its `__all__`."""
    module = importlib.import_module(package)
    first, *rest = (module.__doc__ or "").strip().split("\n\n")
    lines = [f"# {package}", first, *("\n" + part for part in rest)]
    for name in module.__all__:
        lines += ["", f"::: {package}.{name}"]
    return "\n".join(lines) + "\n"
