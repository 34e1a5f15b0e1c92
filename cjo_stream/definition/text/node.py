"""Nodes: values of a YAML document, with their places in the text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cjo_stream.definition.text.source import Position, Source


@dataclass(eq=False)
class Node:
    """A part of a document, at the characters `start` to `end` of its source."""

    source: Source
    start: int
    end: int


@dataclass(eq=False)
class Scalar(Node):
    """`value` as YAML 1.2's core schema reads `text`; `style` is None (plain), ', ", | or >."""

    text: str
    value: Any
    style: str | None

    def index_at(self, offset: int) -> int:
        """Return the index in the source of the character `offset` of `text`.

        Folded lines and indentation are followed; after an escape it is the scalar's start.
        """
        raw = self.source.text
        index = self.start
        if self.style in ("|", ">"):
            index = raw.find("\n", self.start, self.end) + 1 or self.start
        elif self.style is not None:
            index += 1
        for character in self.text[:offset]:
            if character.isspace():
                while index < self.end and raw[index].isspace():
                    index += 1
                continue
            while index < self.end and raw[index].isspace():
                index += 1
            if index >= self.end or raw[index] != character:
                return self.start
            index += 2 if character == self.style == "'" else 1
        if not self.text[offset : offset + 1].isspace():
            while index < self.end and raw[index].isspace():
                index += 1
        return min(index, self.end)


@dataclass(eq=False)
class Sequence(Node):
    """A list."""

    items: list[Node]


@dataclass(eq=False)
class Mapping(Node):
    """Keys and values in the order written; scalar keys are not repeated."""

    pairs: list[tuple[Node, Node]]


@dataclass(eq=False)
class Broken(Node):
    """A part that could not be read, and was reported."""


def position(node: Node) -> Position:
    """Return where a node begins."""
    return Position(node.source.name, *node.source.locate(node.start))


def names_below(node: Node | None) -> dict[str, Node]:
    """Return a mapping's values by the texts of their keys; empty if the node is not a mapping."""
    pairs = node.pairs if isinstance(node, Mapping) else []
    return {key.text: value for key, value in pairs if isinstance(key, Scalar)}


def word(node: Node) -> str:
    """Return the name of a node's kind, for messages."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Scalar):
        if isinstance(node.value, float) and not math.isfinite(node.value):
            return node.text
        return _WORDS.get(type(node.value), "text" if node.text else "an empty text")
    return "unreadable"


_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}
