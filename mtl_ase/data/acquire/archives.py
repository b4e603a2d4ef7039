"""The public archives of the data sets."""

from __future__ import annotations

from typing import NamedTuple


class Archive(NamedTuple):
    """File name and URL of an archive.

    It contains a single top-level folder, of any name, which becomes data.root.
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
"""Archives of each data set, in the order in which they are tried."""
