"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    cells = [columns, ["---"] * len(columns), *rows]
    return "".join(
        f"| {' | '.join(one.replace('|', chr(92) + '|').replace(chr(10), ' ') for one in row)} |\n"
        for row in cells
    )


def code(text: object) -> str:
    """Return text in the type of code; nothing for nothing."""
    return f"`{text}`" if text not in ("", None) else ""


def meanings(
    known: Iterable[str], texts: Mapping[str, Any], name: str
) -> Iterator[tuple[str, Any]]:
    """Yield each word of the code with its text from the list `name` of `tests/docs/word.py`.

    Every word has a text, and nothing else has one.
    """
    listed = list(known)
    where = f"{name} in tests/docs/word.py"
    without, others = set(listed) - set(texts), set(texts) - set(listed)
    assert not without, f"{where} has no row for {', '.join(sorted(without))}: add it"
    assert not others, (
        f"{where} describes {', '.join(sorted(others))}, which the code does not have"
    )
    yield from ((one, texts[one]) for one in listed)


def words(
    columns: Sequence[str], known: Iterable[str], texts: Mapping[str, str], name: str
) -> str:
    return table(columns, ((code(one), text) for one, text in meanings(known, texts, name)))
