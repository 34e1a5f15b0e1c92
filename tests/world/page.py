"""The tags of a page, read as a browser would."""

from __future__ import annotations

from html.parser import HTMLParser

LEFT_OPEN = frozenset(("meta", "line", "rect", "polyline"))
"""Elements that need no end."""


class Page(HTMLParser):
    """Tags with their attributes, and the texts; fails where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in LEFT_OPEN:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in LEFT_OPEN or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]
