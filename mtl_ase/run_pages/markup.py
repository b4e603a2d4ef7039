"""Elements of SVG and HTML, whose attributes and texts are escaped."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

Attribute = str | int | float | None


def element(name: str, *children: str | Markup, **attributes: Attribute) -> Markup:
    """An element with its children; plain strings are escaped, `Markup` is not.

    Args:
        name: of the element.
        children: its content.
        attributes: `class_` stands for class, other underscores for hyphens; None: left out.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _short(value))
        for key, value in attributes.items()
        if value is not None
    )
    if not children:
        return Markup("<{}{}/>").format(name, written)
    return Markup("<{}{}>{}</{}>").format(name, written, joined(children), name)


def joined(children: Iterable[str | Markup]) -> Markup:
    """One after another; plain strings are escaped."""
    return Markup("").join(escape(child) for child in children)


def _short(value: Attribute) -> str:
    """Coordinates with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
