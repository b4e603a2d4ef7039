"""Tables that lose no digit in a narrow terminal."""

from __future__ import annotations

from typing import Any

from rich.table import Table


class FoldingTable(Table):
    """A table whose cells go on in the next line where they do not fit.

    Rich cuts them off by default: 12.34 becomes 12.…, which may be read as another number.
    """

    def add_column(self, *arguments: Any, **options: Any) -> None:
        """As in rich."""
        super().add_column(*arguments, **{"overflow": "fold", **options})
