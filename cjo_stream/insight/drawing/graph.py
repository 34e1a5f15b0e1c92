"""A journey as a graph: a card a state, in layers, with a line in it for each way out.

A way out has its numbers in the card that it leaves, so that no label stands on an edge. Ways
forward run between the cards; ways back run below all of them. Ways out of the journey, and those
back to the same state, have no line of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from cjo_stream.insight.drawing.canvas import CHARACTER, Canvas
from cjo_stream.insight.drawing.layer import backward, layers, ordered

CARD: Final = 216
GAP: Final = 72
HEAD: Final = 44
LINE: Final = 20
APART: Final = 22
LANE: Final = 12
THICKEST: Final = 9.0
MARGIN: Final = 6


class Way(NamedTuple):
    """A way out of a state; `target` None: out of the journey."""

    target: str | None
    passages: int
    told: str
    """What stands behind its number: how long it takes."""


class Card(NamedTuple):
    """A state: `about` stands below its name."""

    name: str
    about: str
    ways: Sequence[Way]
    entries: int
    is_final: bool

    @property
    def height(self) -> float:
        """Its height, px."""
        lines = len(self.ways) + bool(self.entries)
        return HEAD + lines * LINE + (8 if lines else 2)


class _Place(NamedTuple):
    x: float
    y: float
    layer: int


def graph(title: str, cards: Sequence[Card]) -> str:
    """Return the drawing."""
    drawing = _Drawing(title, cards)
    return drawing.svg()


class _Drawing:
    def __init__(self, title: str, cards: Sequence[Card]) -> None:
        self.cards = {card.name: card for card in cards}
        self.canvas = Canvas(title, f"{len(cards)} states, and the ways between them")
        self.highest = max([1, *(way.passages for card in cards for way in card.ways)])
        names = [card.name for card in sorted(cards, key=lambda card: -card.entries)]
        ways = {card.name: [w.target for w in card.ways if w.target is not None] for card in cards}
        self.back = backward(names, ways)
        edges = [(name, target) for name, targets in ways.items() for target in targets]
        self.layer = layers(names, [edge for edge in edges if edge not in self.back])
        self.chains = {edge: self._chain(edge) for edge in edges if edge not in self.back}
        placed = dict(self.layer)
        for source, *between, _ in self.chains.values():
            placed |= {name: at for at, name in enumerate(between, self.layer[source] + 1)}
        self.places = self._places(ordered(placed, list(self.chains.values())))
        self.bottom = max(
            (place.y + self._height(name) for name, place in self.places.items()), default=0.0
        )

    def _chain(self, edge: tuple[str, str]) -> list[str]:
        """Return the places that an edge passes: its ends, and one in each layer between."""
        source, target = edge
        between = range(self.layer[source] + 1, self.layer[target])
        return [source, *(f"{source}\0{target}\0{number}" for number in between), target]

    def _height(self, name: str) -> float:
        return self.cards[name].height if name in self.cards else THICKEST

    def _places(self, columns: Sequence[Sequence[str]]) -> dict[str, _Place]:
        heights = [
            sum(self._height(name) for name in column) + APART * (len(column) - 1)
            for column in columns
        ]
        tallest = max(heights, default=0.0)
        places = {}
        for number, (column, height) in enumerate(zip(columns, heights, strict=True)):
            y = MARGIN + (tallest - height) / 2
            for name in column:
                places[name] = _Place(MARGIN + 40 + number * (CARD + GAP), y, number)
                y += self._height(name) + APART
        return places

    def svg(self) -> str:
        """Draw edges, then cards over them; return the element."""
        lane = 0
        for card in self.cards.values():
            for number, way in enumerate(card.ways):
                if way.target is None or way.target == card.name:
                    continue
                if (card.name, way.target) in self.back:
                    self._back(card, number, way, lane)
                    lane += 1
                else:
                    self._forward(card, number, way)
        for card in self.cards.values():
            self._card(card)
        width = 2 * MARGIN + 48 + (1 + max(self.layer.values(), default=0)) * (CARD + GAP) - GAP
        return self.canvas.svg(width, self.bottom + MARGIN + LANE * (lane + 1), least=width * 0.8)

    def _out(self, card: Card, number: int) -> tuple[float, float]:
        """Return where a way leaves its card."""
        place = self.places[card.name]
        line = number + bool(card.entries)
        return place.x + CARD, place.y + HEAD + line * LINE + LINE / 2

    def _width(self, way: Way) -> float:
        return max(1.0, THICKEST * way.passages / self.highest)

    def _forward(self, card: Card, number: int, way: Way) -> None:
        x, y = self._out(card, number)
        d = f"M{x:.1f} {y:.1f}"
        chain = self.chains[card.name, str(way.target)]
        for name in chain[1:]:
            place = self.places[name]
            into = place.y + (HEAD / 2 if name in self.cards else THICKEST / 2)
            bend = (x + place.x) / 2
            d += f"C{bend:.1f} {y:.1f} {bend:.1f} {into:.1f} {place.x:.1f} {into:.1f}"
            if name not in self.cards:
                d += f"H{place.x + CARD:.1f}"
            x, y = place.x + CARD, into
        self.canvas.path("way", d, width=self._width(way), tip=_tip(card, way))

    def _back(self, card: Card, number: int, way: Way, lane: int) -> None:
        x, y = self._out(card, number)
        to = self.places[str(way.target)]
        low = self.bottom + LANE * (lane + 1)
        right, left = x + 10 + 4 * (lane % 8), to.x - 10 - 4 * (lane % 6)
        into = to.y + HEAD / 2 + 8
        d = (
            f"M{x:.1f} {y:.1f}H{right - 6:.1f}q6 0 6 6V{low - 6:.1f}q0 6 -6 6"
            f"H{left + 6:.1f}q-6 0 -6 -6V{into + 6:.1f}q0 -6 6 -6H{to.x:.1f}"
        )
        self.canvas.path("way back", d, width=min(self._width(way), 4.0), tip=_tip(card, way))

    def _card(self, card: Card) -> None:
        x, y, _ = self.places[card.name]
        if card.entries:
            self.canvas.path(
                "way entry", f"M{x - 40:.1f} {y + HEAD + LINE / 2:.1f}H{x:.1f}", width=3.0
            )
        kind = "card final" if card.is_final else "card"
        self.canvas.box(kind, x, y, CARD, card.height, round_=10 if card.is_final else 6)
        self.canvas.text("name", x + 12, y + 19, card.name, room=CARD - 24)
        self.canvas.text("small", x + 12, y + 36, card.about, room=CARD - 12)
        if card.entries:
            self._line(card, y + HEAD, "enters", "enter here", f"{card.entries:,}")
        for number, way in enumerate(card.ways):
            top = self._out(card, number)[1] - LINE / 2
            kind = "leaves" if way.target is None else "small"
            self._line(card, top, kind, _towards(card, way), f"{way.passages:,} · {way.told}")

    def _line(self, card: Card, top: float, kind: str, what: str, told: str) -> None:
        x = self.places[card.name].x
        room = CARD - 30 - len(told) * CHARACTER
        self.canvas.path("grid", f"M{x:.1f} {top:.1f}h{CARD}")
        self.canvas.text(kind, x + 12, top + LINE / 2 + 4, what, room=max(room, 48))
        self.canvas.text("figure", x + CARD - 10, top + LINE / 2 + 4, told, end=True)


def _towards(card: Card, way: Way) -> str:
    if way.target is None:
        return "leaves"
    return f"↻ {way.target}" if way.target == card.name else f"→ {way.target}"


def _tip(card: Card, way: Way) -> str:
    return f"{card.name} → {way.target}: {way.passages:,}, {way.told}"
