"""Pages in Markdown: their blocks, and the parts of them that are drawn.

<!-- drawn: NAME -->   up to <!-- end -->: the table of that name
<!-- file: PATH -->    the block that follows is that file, in the page's folder
<!-- edit: PATH -->    in that file, the lines with - of the block give way to those with +
<!-- in: KIND -->      the YAML that follows is part of such a document
<!-- fails -->         the commands that follow exit with 2
<!-- exits with 1 -->  they exit with 1
<!-- shows: NAME -->   a file that a command wrote
<!-- kafka -->         the commands that follow need a broker: `tests/kafka/test_docs.py`
<!-- prints -->        the block that follows is what the commands before it print; it is drawn
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_DRAWN = re.compile(r"(<!-- drawn: (.+?) -->\n).*?(<!-- end -->)", re.S)
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]+?) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.S | re.M
)
_FILE = re.compile(r"^<!-- (?:file|edit): (?P<path>.+?) -->$", re.M)


class Block(NamedTuple):
    """A fenced block: its language, its text, and the comment on the line before, if any."""

    kind: str
    text: str
    mark: str


def unnamed(text: str) -> list[str]:
    """Return the files of a page whose names a reader does not see just before their blocks.

    The marks of a page are not shown.
    """
    return [
        found["path"]
        for found in _FILE.finditer(text)
        if f"`{found['path']}`" not in _last_paragraph(text[: found.start()])
    ]


def _last_paragraph(text: str) -> str:
    return _BLOCK.sub("", text).strip().rpartition("\n\n")[2]


def name_of(page: Path) -> str:
    """Return a page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    return [
        Block(found["kind"], found["text"], found["mark"] or "") for found in _BLOCK.finditer(text)
    ]


def with_tables(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Return a page with its tables drawn anew."""
    return _DRAWN.sub(
        lambda found: f"{found[1]}\n{tables[found[2]]().strip()}\n\n{found[3]}", text
    )


def unplaced(texts: Iterable[str], tables: Iterable[str]) -> list[str]:
    """Return what to write for each table that no page has, and what to mend on a page."""
    drawn = {found[2] for text in texts for found in _DRAWN.finditer(text)}
    there = set(tables)
    return [
        f"no page has the table `{name}`: write a section about it{_home(name)} with the lines "
        f"`<!-- drawn: {name} -->` and `<!-- end -->`"
        for name in sorted(there - drawn)
    ] + [f"there is no table `{name}`, which a page names" for name in sorted(drawn - there)]


def faults(texts: Iterable[str], tables: Mapping[str, Callable[[], str]]) -> list[str]:
    """Return why the pages cannot be drawn, each reason with what to do."""
    found = unplaced(texts, tables)
    for draw in tables.values():
        try:
            draw()
        except AssertionError as error:
            found.append(str(error))
    return found


def _home(table: str) -> str:
    return " in docs/records.md" if table.startswith("record ") else " in its page of docs/"


def with_prints(text: str, printed: list[str]) -> str:
    """Return a page with what its commands printed, block by block in order."""
    left = iter(printed)

    def draw(found: re.Match[str]) -> str:
        mark = found["mark"] or ""
        if mark != "prints" and not mark.startswith("shows: "):
            return found[0]
        return f"<!-- {mark} -->\n```{found['kind']}\n{next(left)}```"

    return _BLOCK.sub(draw, text)
