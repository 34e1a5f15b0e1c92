"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    cells = [columns, ["---"] * len(columns), *rows]
    return "".join(
        f"| {' | '.join(one.replace('|', chr(92) + '|') for one in row)} |\n" for row in cells
    )


def code(text: object) -> str:
    """Return text in the type of code; nothing for nothing."""
    return f"`{text}`" if text not in ("", None) else ""


def meanings(known: Iterable[str], texts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each word of the code with its text; every word has one, and no other is there."""
    listed = list(known)
    assert set(listed) == set(texts), f"tests/docs/word.py: {set(listed) ^ set(texts)}"
    yield from ((name, texts[name]) for name in listed)


def words(columns: Sequence[str], known: Iterable[str], texts: Mapping[str, str]) -> str:
    return table(columns, ((code(name), text) for name, text in meanings(known, texts)))
