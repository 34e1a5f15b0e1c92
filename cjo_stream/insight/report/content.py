"""What a report consists of. Each block names the command that prints its figure."""

from __future__ import annotations

import msgspec

Cell = str | int | float | None


class Box(msgspec.Struct, frozen=True):
    """One number at the head of a report, with a line that explains it."""

    name: str
    value: str
    about: str = ""


class Sentence(msgspec.Struct, frozen=True):
    """A finding in words, and the command that opens what it rests on."""

    text: str
    evidence: str


class Findings(msgspec.Struct, frozen=True, tag="findings"):
    """Sentences, the weightiest first."""

    sentences: list[Sentence]


class Table(msgspec.Struct, frozen=True, tag="table"):
    """Rows; columns whose name begins with `#` hold numbers."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    command: str = ""
    note: str = ""


class Step(msgspec.Struct, frozen=True):
    """A step of a funnel, and the customers who reach it."""

    name: str
    customers: int
    share: float | None
    """Of those of the first step, 0..1."""


class Funnel(msgspec.Struct, frozen=True, tag="funnel"):
    """Customers by step."""

    title: str
    steps: list[Step]
    command: str
    note: str = ""


class Series(msgspec.Struct, frozen=True, tag="series"):
    """A number over time."""

    title: str
    at: list[int]
    """Times, ms."""
    values: list[int]
    command: str
    note: str = ""


class Node(msgspec.Struct, frozen=True):
    """An end of flows: its column, from the left, and the passages through it."""

    column: int
    name: str
    passages: int


class Link(msgspec.Struct, frozen=True):
    """Passages between two nodes of columns side by side; each is a place in `nodes`."""

    source: int
    target: int
    passages: int


class Flow(msgspec.Struct, frozen=True, tag="flow"):
    """Passages from column to column (a Sankey diagram)."""

    title: str
    nodes: list[Node]
    links: list[Link]
    command: str
    note: str = ""


class State(msgspec.Struct, frozen=True):
    """A state of a map. `stays` is None of a final state, in which nobody stays."""

    name: str
    entries: int
    """Of the journey, in this state."""
    arrivals: int
    """Passages to it, entries included."""
    stays: int | None
    p50_ms: int | None = None
    p90_ms: int | None = None


class Edge(msgspec.Struct, frozen=True):
    """Passages from a state to another; `target` None: out of the journey."""

    source: str
    target: str | None
    passages: int
    p50_ms: int
    p90_ms: int


class Map(msgspec.Struct, frozen=True, tag="map"):
    """A version of a journey as a graph."""

    title: str
    states: list[State]
    edges: list[Edge]
    command: str
    note: str = ""


class Passages(msgspec.Struct, frozen=True):
    """Passages of one class of duration; `most_ms` None: longer than all others."""

    most_ms: int | None
    times: list[tuple[int, int]]
    """When each began and ended, ms."""


class Spectrum(msgspec.Struct, frozen=True, tag="spectrum"):
    """The passages of a segment over time, from the quickest class to the slowest."""

    title: str
    source: str
    target: str
    begin: int
    end: int
    """Of the time that is drawn, ms."""
    classes: list[Passages]
    command: str
    note: str = ""


class Bar(msgspec.Struct, frozen=True):
    """A number, and what is said beside it."""

    name: str
    value: float
    told: str


class Bars(msgspec.Struct, frozen=True, tag="bars"):
    """Numbers as bars from 0."""

    title: str
    bars: list[Bar]
    command: str
    note: str = ""


Block = Findings | Table | Funnel | Series | Flow | Map | Spectrum | Bars


class Section(msgspec.Struct, frozen=True):
    """Blocks under one heading."""

    title: str
    blocks: list[Block]
    about: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report."""

    title: str
    period: str
    """In words."""
    as_of: int | None
    """The time of the latest record, ms; None of an empty layer."""
    missing: list[str]
    """What the layer does not hold, in words."""
    boxes: list[Box]
    sections: list[Section]
