"""A number over time: a line over an area from 0, with its highest and its last value.

The line stretches with the screen; the texts around it are HTML and keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cjo_stream.insight.page.table import text

WIDTH: Final = 600
HEIGHT: Final = 100


def series(title: str, labels: tuple[str, str], values: Sequence[int]) -> str:
    """Return the drawing; `labels` stand below the first and the last value."""
    highest = max([*values, 1])
    step = WIDTH / max(1, len(values) - 1)
    points = " ".join(
        f"{step * place:.1f} {HEIGHT - 1 - (HEIGHT - 3) * value / highest:.1f}"
        for place, value in enumerate(values)
    )
    about = f"From {values[0]:,} to {values[-1]:,}; at most {max(values):,}."
    return (
        f'<div class="series"><span class="high">{max(values):,}</span>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(title)}"><title>{text(title)}</title><desc>{about}</desc>'
        f'<path class="grid" d="M0 2H{WIDTH}M0 {HEIGHT / 2}H{WIDTH}M0 {HEIGHT - 1}H{WIDTH}"/>'
        f'<path class="area" d="M0 {HEIGHT - 1}L{points} {WIDTH} {HEIGHT - 1}Z"/>'
        f'<path class="trend" d="M{points}"/></svg>'
        f'<strong class="last">{values[-1]:,}</strong>'
        f'<span class="first">{text(labels[0])}</span><span class="end">{text(labels[1])}</span>'
        "</div>"
    )
