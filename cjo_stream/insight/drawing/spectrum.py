"""A performance spectrum: a line for each passage, from when it began, above, to when it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cjo_stream.insight.page.table import text

WIDTH: Final = 1000
HEIGHT: Final = 100


def spectrum(
    title: str,
    ends: tuple[str, str],
    span: tuple[int, int],
    labels: tuple[str, str],
    classes: Sequence[tuple[str, Sequence[tuple[int, int]]]],
) -> str:
    """Return the drawing; a class is what its key says, and the times of its passages."""
    begin, end = span
    scale = WIDTH / max(1, end - begin)
    paths, keys = [], []
    # The slowest are drawn last, over the others.
    for number, (name, times) in enumerate(classes):
        d = "".join(
            f"M{(began - begin) * scale:.1f} 1L{(ended - begin) * scale:.1f} {HEIGHT - 1}"
            for began, ended in times
        )
        if d:
            paths.append(f'<path class="passage s{number}" d="{d}"/>')
        keys.append(f'<span class="s{number}">{text(name)}</span>')
    about = f"{sum(len(times) for _, times in classes)} passages from {ends[0]} to {ends[1]}"
    return (
        f'<p class="key">{"".join(keys)}</p><div class="spectrum">'
        f"<span>{text(ends[0])}</span>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(title)}"><title>{text(title)}</title><desc>{text(about)}</desc>'
        f'<path class="grid" d="M0 1H{WIDTH}M0 {HEIGHT - 1}H{WIDTH}"/>{"".join(paths)}</svg>'
        f"<span>{text(ends[1])}</span>"
        f"<time>{text(labels[0])}</time><time>{text(labels[1])}</time></div>"
    )
