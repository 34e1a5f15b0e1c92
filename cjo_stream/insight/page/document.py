"""A whole page, its sections, and boxes of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cjo_stream.insight.page.style import STYLE
from cjo_stream.insight.page.table import text


def write_page(path: Path, title: str, body: str, *, style: str = "", script: str = "") -> None:
    """Write a page; `style` comes behind the style sheet of all pages."""
    last = f"<script>{script}</script>" if script else ""
    path.write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}{style}</style></head>\n<body><main>\n"
        f"<h1>{text(title)}</h1>\n{body}</main>\n{last}</body></html>\n",
        encoding="utf-8",
    )


def section(title: str, *parts: str) -> str:
    """Return a section with its heading."""
    return f"<section><h2>{text(title)}</h2>\n{''.join(parts)}</section>\n"


def boxes(numbers: Iterable[tuple[str, str]]) -> str:
    """Return names with their numbers, one box each."""
    inner = "".join(f"<div><dt>{text(name)}</dt><dd>{text(n)}</dd></div>" for name, n in numbers)
    return f"<dl>{inner}</dl>\n"
