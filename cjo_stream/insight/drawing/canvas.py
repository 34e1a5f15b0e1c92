"""Shapes and texts of a drawing."""

from __future__ import annotations

from typing import Final

from cjo_stream.insight.page.table import text

CHARACTER: Final = 6.6
"""The width of a character of 12 px, as wide as most."""


class Canvas:
    """Collects shapes, in the order in which they are drawn."""

    def __init__(self, title: str, about: str) -> None:
        self._title, self._about = title, about
        self._shapes: list[str] = []

    def path(self, class_: str, d: str, *, width: float | None = None, tip: str = "") -> None:
        """Draw a path; `tip` is shown where the reader points at it."""
        stroke = f' stroke-width="{width:.1f}"' if width is not None else ""
        self._shapes.append(f'<path class="{class_}" d="{d}"{stroke}>{_tip(tip)}</path>')

    def box(
        self, class_: str, x: float, y: float, width: float, height: float, *,
        round_: float = 0.0, tip: str = "",
    ) -> None:  # fmt: skip
        """Draw a rectangle."""
        self._shapes.append(
            f'<rect class="{class_}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
            f'height="{max(height, 0):.1f}" rx="{round_:g}">{_tip(tip)}</rect>'
        )

    def text(
        self, class_: str, x: float, y: float, words: str, *, end: bool = False, room: float = 0.0
    ) -> None:
        """Write words from x on, or with `end` up to x; shortened to `room`, if that is given."""
        anchor = ' text-anchor="end"' if end else ""
        shown = fitting(words, room) if room else words
        tip = _tip(words) if shown != words else ""
        self._shapes.append(
            f'<text class="{class_}" x="{x:.1f}" y="{y:.1f}"{anchor}>{text(shown)}{tip}</text>'
        )

    def svg(self, width: float, height: float, *, least: float = 0.0) -> str:
        """Return the element; it shrinks to `least` px of width, and scrolls below that."""
        return (
            f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'aria-label="{text(self._title)}" '
            f'style="max-width:{width:.0f}px;min-width:{least or width:.0f}px">'
            f"<title>{text(self._title)}</title><desc>{text(self._about)}</desc>"
            f"{''.join(self._shapes)}</svg>"
        )


def fitting(words: str, room: float) -> str:
    """Return words that fit into a width, with a mark where they were cut.

    >>> fitting("waiting", 100), fitting("a_rather_long_name_of_a_state", 70)
    ('waiting', 'a_rather_…')
    """
    most = max(2, int(room / CHARACTER))
    return words if len(words) <= most else words[: most - 1] + "…"


def _tip(words: str) -> str:
    return f"<title>{text(words)}</title>" if words else ""
