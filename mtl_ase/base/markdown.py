"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def in_markdown(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table without a newline at its end; all columns but the first are aligned to the right."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (heads, rule, *rows))
