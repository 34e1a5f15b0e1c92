"""A funnel: a bar a step, with its number and its share of the first.

It is HTML, so that its texts keep their size on every screen.
"""

from __future__ import annotations

from collections.abc import Sequence

from cjo_stream.insight.page.table import text


def funnel(steps: Sequence[tuple[str, int, str]]) -> str:
    """Return the drawing; a step is its name, its number, and its share in words."""
    highest = max([1, *(number for _, number, _ in steps)])
    items = "".join(
        f"<li><span>{text(name)}</span><strong>{number:,}</strong><span>{text(share)}</span>"
        f'<div class="meter"><div style="width:{100 * number / highest:.1f}%"></div></div></li>'
        for name, number, share in steps
    )
    return f'<ol class="funnel">{items}</ol>'
