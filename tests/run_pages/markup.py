"""The elements of a page, for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Element:
    """An element with its own text, without that of its children."""

    name: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Elements(HTMLParser):
    """All elements of a document, in order."""

    found: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add the element; the text that follows is its own."""
        self.found.append(Element(tag, dict(attrs)))
        self.open.append(self.found[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Add the element, which has no text."""
        self.found.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Leave the element and those in it that have no end tag."""
        while self.open and self.open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Add the text to the element that is open."""
        if self.open:
            self.open[-1].text += data


def elements(page: str, name: str) -> list[Element]:
    """The elements of a name."""
    parser = Elements()
    parser.feed(page)
    return [element for element in parser.found if element.name == name]
