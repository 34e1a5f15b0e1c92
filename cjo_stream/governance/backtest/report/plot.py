"""Plots of the report, as inline SVG: lines over time, and pairs of bars.

Colours are classes of the style sheet, so that they follow the reader's light or dark scheme. Each
plot has a title and a description; its numbers also stand in a table beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cjo_stream.core.text import moment_text
from cjo_stream.insight.page.table import text

WIDTH: Final = 720
HEIGHT: Final = 160
POINTS_MAX: Final = 700
"""Points of a line; of more hours, the highest of several is drawn, so that no peak is lost."""
BAR: Final = 12
LEFT: Final = 230
_MARGIN: Final = 44
_HOUR_MS: Final = 3_600_000


def lines(name: str, live: Mapping[int, int], candidate: Mapping[int, int]) -> str:
    """Return two lines over time: numbers by hour, its beginning in ms."""
    both = live.keys() | candidate.keys()
    first, last = min(both), max(both)
    hours = (last - first) // _HOUR_MS + 1
    width = -(-hours // POINTS_MAX)
    highest = max([*live.values(), *candidate.values(), 1])
    drawn = "".join(
        f'<polyline class="{side}" points="{_points(numbers, first, hours, width, highest)}"/>'
        for side, numbers in (("live", live), ("candidate", candidate))
    )
    every = "hour" if width == 1 else f"{width} hours, the busiest of each"
    base = HEIGHT - 24
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(name)}">'
        f"<title>{text(name)}</title><desc>Sent by {every}: live has at most "
        f"{max(live.values(), default=0):,}, the candidate {max(candidate.values(), default=0):,}."
        f'</desc><line class="axis" x1="{_MARGIN}" y1="{base}" x2="{WIDTH}" y2="{base}"/>'
        f'<text x="{_MARGIN - 6}" y="18" text-anchor="end">{highest:,}</text>'
        f'<text x="{_MARGIN - 6}" y="{base}" text-anchor="end">0</text>'
        f'<text x="{_MARGIN}" y="{HEIGHT - 6}">{moment_text(first)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 6}" text-anchor="end">{moment_text(last)}</text>'
        f"{drawn}</svg><figcaption>{text(name)}, by {every}</figcaption></figure>\n"
    )


def _points(numbers: Mapping[int, int], first: int, hours: int, width: int, highest: int) -> str:
    parts = -(-hours // width)
    heights = [0] * parts
    for hour, number in numbers.items():
        part = (hour - first) // _HOUR_MS // width
        heights[part] = max(heights[part], number)
    base, room = HEIGHT - 24, HEIGHT - 36
    step = (WIDTH - _MARGIN) / max(1, parts - 1)
    return " ".join(
        f"{_MARGIN + step * place:.1f},{base - room * height / highest:.1f}"
        for place, height in enumerate(heights)
    )


def bars(name: str, rows: Sequence[tuple[str, int, int]]) -> str:
    """Return a pair of bars a row: its name, and the numbers of live and candidate."""
    highest = max([1, *(max(live, candidate) for _, live, candidate in rows)])
    room = WIDTH - LEFT - 70
    drawn = []
    for place, (label, live, candidate) in enumerate(rows):
        top = place * (2 * BAR + 10) + 4
        drawn.append(
            f'<text x="{LEFT - 8}" y="{top + BAR + 4}" text-anchor="end">{text(label)}</text>'
        )
        for row, (side, number) in enumerate((("live", live), ("candidate", candidate))):
            y = top + row * BAR
            length = room * number / highest
            drawn.append(
                f'<rect class="{side}" x="{LEFT}" y="{y}" width="{length:.1f}" '
                f'height="{BAR - 2}"/>'
                f'<text x="{LEFT + length + 6:.1f}" y="{y + BAR - 2}">{number:,}</text>'
            )
    height = len(rows) * (2 * BAR + 10) + 8
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{text(name)}">'
        f"<title>{text(name)}</title><desc>Two bars a row: above live, below the candidate.</desc>"
        f"{''.join(drawn)}</svg><figcaption>{text(name)}</figcaption></figure>\n"
    )
