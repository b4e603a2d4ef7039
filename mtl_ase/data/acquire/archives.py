"""The public archives of the data sets."""

from __future__ import annotations

from typing import NamedTuple


class Archive(NamedTuple):
    """An archive: what its file is called, and where it can be downloaded.

    Its one top folder may have any name; it becomes data.root.
    """

    file: str
    url: str


ARCHIVES: dict[str, tuple[Archive, ...]] = {
    "pascal_context": (
        Archive(
            "PASCAL_MT.tgz",
            "https://data.vision.ee.ethz.ch/kmaninis/share/MTL/PASCAL_MT.tgz",
        ),
        Archive(
            "PASCALContext.tar.gz",
            "https://data.vision.ee.ethz.ch/brdavid/atrc/PASCALContext.tar.gz",
        ),
    ),
    "nyud": (
        Archive(
            "NYUDv2.tar.gz",
            "https://data.vision.ee.ethz.ch/brdavid/atrc/NYUDv2.tar.gz",
        ),
    ),
}
"""By data set, the one to try first comes first."""
