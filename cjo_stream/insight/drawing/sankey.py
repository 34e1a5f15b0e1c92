"""A Sankey diagram: columns of nodes, and bands between them as wide as their passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cjo_stream.insight.drawing.canvas import CHARACTER, Canvas

BAR: Final = 10
SLOT: Final = 18
"""The least height of a node: that of its label."""
GAP: Final = 8
BAND: Final = (110, 420)
"""The width of a band: between three columns, and between two."""
TONES: Final = 8


class Node(NamedTuple):
    """A node: its column, from the left, its name and its passages."""

    column: int
    name: str
    passages: int


class _Place(NamedTuple):
    x: float
    y: float
    height: float


def sankey(
    title: str, nodes: Sequence[Node], links: Sequence[tuple[int, int, int]], *, tallest: float
) -> str:
    """Return the drawing; a link is the places of its nodes in `nodes`, and its passages."""
    columns = 1 + max(node.column for node in nodes)
    labels = [_label(node) for node in nodes]
    # Labels stand left of the first column, and right of the others.
    widths = [0.0] * columns
    for node, label in zip(nodes, labels, strict=True):
        widths[node.column] = max(widths[node.column], len(label) * CHARACTER + 14)
    band = BAND[columns < 3]
    xs, x = [], widths[0]
    for column in range(columns):
        xs.append(x)
        x += BAR + band + (widths[column] if column else 0.0)
    width = xs[-1] + BAR + widths[-1]
    scale = _scale(nodes, columns, tallest)
    places, height = _places(nodes, xs, scale)
    canvas = Canvas(title, f"{len(links)} flows between {len(nodes)} ends")
    _draw_links(canvas, nodes, links, places, scale)
    for number, (node, place) in enumerate(zip(nodes, places, strict=True)):
        canvas.box(f"node t{_tone(nodes, number)}", place.x, place.y, BAR, place.height, round_=2)
        middle = place.y + max(place.height, SLOT) / 2 + 4
        first = not node.column
        canvas.text(
            "label", place.x + (-8 if first else BAR + 8), middle, labels[number], end=first
        )
    return canvas.svg(width, height, least=width * 0.8)


def _label(node: Node) -> str:
    name = node.name if len(node.name) <= 26 else node.name[:25] + "…"
    return f"{name}  {node.passages:,}"


def _tone(nodes: Sequence[Node], number: int) -> int:
    """Return the tone of a node: nodes of the same name have the same."""
    names = list(dict.fromkeys(node.name for node in nodes))
    return names.index(nodes[number].name) % TONES


def _scale(nodes: Sequence[Node], columns: int, tallest: float) -> float:
    """Return px a passage."""
    sums = [sum(one.passages for one in nodes if one.column == each) for each in range(columns)]
    return tallest / max([1, *sums])


def _places(
    nodes: Sequence[Node], xs: Sequence[float], scale: float
) -> tuple[list[_Place], float]:
    tops = [4.0] * len(xs)
    places = []
    for node in nodes:
        height = max(node.passages * scale, 2.0)
        places.append(_Place(xs[node.column], tops[node.column], height))
        tops[node.column] += max(height, SLOT) + GAP
    return places, max(tops)


def _draw_links(
    canvas: Canvas,
    nodes: Sequence[Node],
    links: Sequence[tuple[int, int, int]],
    places: Sequence[_Place],
    scale: float,
) -> None:
    outs = [place.y for place in places]
    ins = [place.y for place in places]
    ordered = sorted(links, key=lambda link: (places[link[0]].y, places[link[1]].y))
    starts = {}
    for source, target, passages in ordered:
        starts[source, target] = outs[source]
        outs[source] += passages * scale
    for source, target, passages in sorted(ordered, key=lambda link: (link[1], places[link[0]].y)):
        thick = passages * scale
        x0, x1 = places[source].x + BAR, places[target].x
        y0, y1 = starts[source, target] + thick / 2, ins[target] + thick / 2
        ins[target] += thick
        bend = (x0 + x1) / 2
        tip = f"{nodes[source].name} → {nodes[target].name}: {passages:,}"
        d = f"M{x0:.1f} {y0:.1f}C{bend:.1f} {y0:.1f} {bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        canvas.path(f"band t{_tone(nodes, source)}", d, width=max(thick, 0.7), tip=tip)
