"""A funnel: a bar a step, with its number and its share of the first.

It is HTML, so that its texts keep their size on every screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cjo_stream.insight.page.table import text


def funnel(steps: Sequence[tuple[str, int, str]]) -> str:
    """Return the drawing; a step is its name, its number, and its share in words."""
    return _meters(
        (name, f"<strong>{number:,}</strong><span>{text(share)}</span>", number)
        for name, number, share in steps
    )


def bars(numbers: Sequence[tuple[str, float, str]]) -> str:
    """Return bars from 0: a name, its number, and what is said of it."""
    rows = ((name, f"<strong>{text(told)}</strong>", value) for name, value, told in numbers)
    return _meters(rows, "funnel bars")


def _meters(rows: Iterable[tuple[str, str, float]], class_: str = "funnel") -> str:
    found = list(rows)
    highest = max((value for _, _, value in found), default=0.0) or 1.0
    items = "".join(
        f"<li><span>{text(name)}</span>{told}"
        f'<div class="meter"><div style="width:{100 * max(value, 0.0) / highest:.1f}%"></div>'
        "</div></li>"
        for name, told, value in found
    )
    return f'<ol class="{class_}">{items}</ol>'
