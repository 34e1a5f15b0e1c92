"""Each dashboard as a page, each chart as a file, drawn from what Prometheus has of the drill.

Grafana draws them otherwise; this shows that each query gives something, and what.
"""

from __future__ import annotations

import html
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from cjo_stream.telemetry.monitoring.board import BOARDS
from cjo_stream.telemetry.monitoring.board.panel import RATE, Board, Panel, Query
from tests.drill.panel import RATE_S
from tests.drill.watching import Watching

POINTS: Final = 240
WIDTH, HEIGHT = 560, 170
LEFT, BOTTOM, TOP = 56, 20, 8
LINES_MAX: Final = 20
ROW, LETTER = 17, 6
"""Of a legend: the height of a row, the width of a letter."""
COLOURS: Final = (
    "#2f5bd3", "#b3560f", "#1a7f4b", "#7a4fc9", "#b3336b", "#0f8a8a", "#7a6a1a", "#5b6b80",
)  # fmt: skip
STYLE: Final = """
body{font:14px/1.4 system-ui,sans-serif;margin:1.5rem;background:#f7f8fa;color:#1b1f24}
.board{display:grid;grid-template-columns:repeat(24,1fr);gap:12px}
.panel{background:#fff;border:1px solid #d0d7de;border-radius:6px;padding:8px 10px;min-width:0}
h2{font-size:14px;margin:0}p{margin:0 0 4px;color:#57606a;font-size:12px}
.stat{font-size:30px;font-weight:650}.none{color:#b3336b}
svg{width:100%;display:block}svg text{font:11px system-ui,sans-serif;fill:#57606a}
.grid{stroke:#e6e9ee}.key{font-size:11px;overflow-wrap:anywhere}
.key b{font-weight:400;margin-right:10px}
table{border-collapse:collapse;font-size:12px}td,th{padding:2px 10px 2px 0;text-align:left}
"""

Line = tuple[str, list[tuple[float, float]]]


def draw(watching: Watching, folder: Path, began_s: float) -> list[Path]:
    """Write a page for each dashboard, and a file for each of its charts; return the pages.

    `began_s`: from when on, Unix time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    until_s = time.time()
    pages = []
    for board in BOARDS:
        page = folder / f"{board.name}.html"
        shown = [(one, *_panel(one, watching, began_s, until_s)) for one in board.panels]
        page.write_text(_page(board, [text for _, text, _ in shown]))
        for panel, _, drawn in shown:
            if drawn:
                name = re.sub(r"\W+", "-", panel.title.lower())
                (folder / f"{board.name}-{name}.svg").write_text(drawn)
        pages.append(page)
    return pages


def _page(board: Board, panels: Sequence[str]) -> str:
    return (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(board.title)}</title>"
        f"<style>{STYLE}</style><h1>cjo-stream: {html.escape(board.title)}</h1>"
        f"<p>{html.escape(board.about)}</p><div class=board>{''.join(panels)}</div>"
    )


def _panel(panel: Panel, watching: Watching, began_s: float, until_s: float) -> tuple[str, str]:
    """Return a panel as a part of a page, and as a file; nothing for what is no chart."""
    drawn = ""
    if panel.kind == "table":
        inside = "".join(_table(_now(query, watching)) for query in panel.queries)
    else:
        lines = [one for q in panel.queries for one in _lines(q, watching, began_s, until_s)]
        lines = [one for one in lines if one[1]][:LINES_MAX]
        if not lines:
            inside = "<p class=none>no data</p>"
        elif panel.kind == "stat":
            inside = _stat(panel, lines)
        else:
            chart = _chart(panel, lines)
            inside = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{chart}</svg>{_keys(panel, lines)}'
            drawn = _file(panel, lines, chart)
    text = (
        f'<div class=panel style="grid-column:span {panel.width}"><h2>{html.escape(panel.title)}'
        f"</h2><p>{html.escape(panel.about)}</p>{inside}</div>"
    )
    return text, drawn


def _asked(query: Query) -> str:
    return query.expr.replace(RATE, f"[{RATE_S}s]")


def _now(query: Query, watching: Watching) -> list[dict[str, Any]]:
    return watching.query(_asked(query))


def _lines(query: Query, watching: Watching, began_s: float, until_s: float) -> list[Line]:
    step_s = max(1.0, (until_s - began_s) / POINTS)
    found = watching.query_range(_asked(query), began_s, until_s, step_s)
    return [(_legend(query.legend, one["metric"]), _points(one["values"])) for one in found]


def _points(values: Sequence[tuple[float, str]]) -> list[tuple[float, float]]:
    return [(at, float(value)) for at, value in values if math.isfinite(float(value))]


def _legend(legend: str, labels: dict[str, str]) -> str:
    """Return a legend with the labels filled in, as Grafana does."""
    for name in labels:
        legend = legend.replace(f"{{{{{name}}}}}", labels[name])
    return legend or ", ".join(f"{k}={v}" for k, v in labels.items() if k != "__name__")


def _stat(panel: Panel, lines: list[Line]) -> str:
    return f"<div class=stat>{written(lines[0][1][-1][1], panel.unit)}</div>"


def _chart(panel: Panel, lines: list[Line]) -> str:
    times = [at for _, points in lines for at, _ in points]
    values = [value for _, points in lines for _, value in points]
    first, last = min(times), max(max(times), min(times) + 1)
    least, most = min(0.0, min(values)), max(max(values), min(0.0, min(values)) + 1e-9)

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT) * (at - first) / (last - first)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (most - value) / (most - least)

    drawn = []
    for share in (0.0, 0.5, 1.0):
        at = y(least + share * (most - least))
        drawn.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH}"/>')
        word = written(least + share * (most - least), panel.unit)
        drawn.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{word}</text>')
    for place, (_, points) in enumerate(lines):
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
        colour = COLOURS[place % len(COLOURS)]
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
    for at, anchor in ((first, "start"), (last, "end")):
        clock = time.strftime("%H:%M:%S", time.gmtime(at))
        drawn.append(
            f'<text x="{x(at):.0f}" y="{HEIGHT - 4}" text-anchor="{anchor}">{clock}</text>'
        )
    return "".join(drawn)


def _keys(panel: Panel, lines: list[Line]) -> str:
    """Return the legend of a chart on a page."""
    keys = "".join(
        f'<b><span style="color:{COLOURS[place % len(COLOURS)]}">&#9644;</span> '
        f"{html.escape(name or panel.title)}</b>"
        for place, (name, _) in enumerate(lines)
    )
    return f"<div class=key>{keys}</div>"


def _file(panel: Panel, lines: list[Line], chart: str) -> str:
    """Return a chart as a file: its title above it, its legend below."""
    keys, x, y = [], LEFT, HEIGHT + ROW
    for place, (name, _) in enumerate(lines):
        word = name or panel.title
        if x > LEFT and x + LETTER * (len(word) + 4) > WIDTH:
            x, y = LEFT, y + ROW
        colour = COLOURS[place % len(COLOURS)]
        keys.append(f'<path d="M{x} {y - 4}h12" stroke="{colour}" stroke-width="3"/>')
        keys.append(f'<text x="{x + 16}" y="{y}">{html.escape(word)}</text>')
        x += LETTER * (len(word) + 5)
    height = y + ROW + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 10} {height}">'
        f"<style>text{{font:11px sans-serif;fill:#57606a}}.grid{{stroke:#e6e9ee}}"
        f".title{{font-weight:600;fill:#1b1f24}}</style>"
        f'<rect width="{WIDTH + 10}" height="{height}" fill="#fff"/>'
        f'<text class="title" x="6" y="14">{html.escape(panel.title)}</text>'
        f'<g transform="translate(0 {ROW})">{chart}{"".join(keys)}</g></svg>\n'
    )


def _table(found: list[dict[str, Any]]) -> str:
    rows = [{**one["metric"], "value": one["value"][1]} for one in found]
    names = sorted({name for row in rows for name in row} - {"__name__", "job", "instance"})
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(row.get(name, ''))}</td>" for name in names) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>" if rows else "<p class=none>no data</p>"


def written(value: float, unit: str) -> str:
    """Return a value with its unit, short.

    >>> written(0.25, "percentunit"), written(2_500_000, "bytes"), written(0.012, "s")
    ('25%', '2.5 MB', '12 ms')
    """
    if unit == "percentunit":
        return f"{value:.3g}".rstrip() if value > 10 else f"{value * 100:.3g}%"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if 0 < abs(value) < 1 else f"{value:.4g} s"
    for factor, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {sign}{'B' if unit == 'bytes' else ''}"
    return f"{value:.3g}{'/s' if unit in ('ops', 'eps') else ''}"
