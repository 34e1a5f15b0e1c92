"""Shapes, and the items that they read.

A shape reads a node into an Item, and draws its JSON Schema. It reports errors of the node itself;
checks against other definitions (is there such a state?) are in `build`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from cjo_stream.definition.code import Code
from cjo_stream.definition.text.node import Broken, Node, names_below, word
from cjo_stream.definition.text.report import Report

Schema = dict[str, Any]


@dataclass(eq=False)
class Item:
    """A value that was read, and the node it was read from."""

    node: Node
    value: Any


@dataclass(eq=False)
class Pair(Item):
    """A key of a mapping whose keys the author chooses, and its value."""

    key: Item


@dataclass(eq=False)
class Fields:
    """The fields read from a record, by name, in the order written."""

    node: Node
    read: dict[str, Item]
    keys: dict[str, Node]
    nodes: dict[str, Node]
    """The node of each known key's value, also if it could not be read."""

    def get(self, name: str) -> Item | None:
        """Return a field; None if it is absent, or was reported."""
        return self.read.get(name)

    def value(self, name: str, default: Any = None) -> Any:
        """Return a field's value."""
        item = self.read.get(name)
        return default if item is None else item.value

    def items(self, name: str) -> list[Any]:
        """Return a field's list; empty if the field is absent."""
        item = self.read.get(name)
        return [] if item is None else item.value

    def written(self, name: str) -> dict[str, Node]:
        """Return the nodes in a field that is a mapping, by name, also those not read."""
        return names_below(self.nodes.get(name))

    def is_broken(self, name: str) -> bool:
        """Return whether a field is present but could not be read."""
        return name in self.keys and name not in self.read

    def where(self, name: str) -> Node:
        """Return the key's node, or the record's if the field is absent."""
        return self.keys.get(name, self.node)


class Shape(Protocol):
    """The values that are allowed in a place."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the item of `node`, or None if it was reported."""

    def schema(self, shared: dict[str, Schema], /) -> Schema:
        """Return the JSON Schema; named schemas are put into `shared`."""


def refuse(node: Node, report: Report, wanted: str) -> Item | None:
    """Report a node of the wrong kind; return None, which the shape returns."""
    if not isinstance(node, Broken):
        report.error(node, Code.TYPE, f"must be {wanted}, not {word(node)}")
    return None
