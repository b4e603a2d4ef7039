"""Tables that wrap instead of truncating cells in a narrow terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table


class FoldingTable(Table):
    """A rich table whose cells wrap to the next line if they are too long.

    Rich truncates them by default: 12.34 becomes 12.…, which may be misread.
    """

    def add_column(self, *arguments: Any, **options: Any) -> None:
        """Add a column as in rich, with `overflow="fold"` as default."""
        super().add_column(*arguments, **{"overflow": "fold", **options})
