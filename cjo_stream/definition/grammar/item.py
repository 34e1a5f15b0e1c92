"""What a shape gives, and what a shape is.

A shape reads a node into an Item, and draws its JSON Schema: one check and one schema, from the
same row. It reports what is wrong with the node itself; what needs to know other definitions (is
there such a state?) is for the `build` room.
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
class Entry(Item):
    """A value of a mapping with names of the author's own, and its key."""

    key: Item


@dataclass(eq=False)
class Fields:
    """What a record gave: the fields that were read, by name, in the order written."""

    node: Node
    read: dict[str, Item]
    keys: dict[str, Node]
    nodes: dict[str, Node]
    """Each known key's value as written, whether it could be read or not."""

    def get(self, name: str) -> Item | None:
        """Return a field, None where it is absent or was reported."""
        return self.read.get(name)

    def value(self, name: str, default: Any = None) -> Any:
        """Return a field's value."""
        item = self.read.get(name)
        return default if item is None else item.value

    def items(self, name: str) -> list[Any]:
        """Return a field's list, empty without one."""
        item = self.read.get(name)
        return [] if item is None else item.value

    def written(self, name: str) -> dict[str, Node]:
        """Return what stands below a field that is a mapping, by name, unread parts included."""
        return names_below(self.nodes.get(name))

    def is_broken(self, name: str) -> bool:
        """Return whether a field is there and could not be read."""
        return name in self.keys and name not in self.read

    def where(self, name: str) -> Node:
        """Return the key's node, or the record's own where the field is absent."""
        return self.keys.get(name, self.node)


class Shape(Protocol):
    """What may stand at a place."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return what `node` says, or None where that was reported."""

    def schema(self, shared: dict[str, Schema], /) -> Schema:
        """Return the JSON Schema; what has a name of its own goes into `shared`."""


def refuse(node: Node, report: Report, wanted: str) -> Item | None:
    """Report a node of the wrong kind; return None, for the shape to give."""
    if not isinstance(node, Broken):
        report.error(node, Code.TYPE, f"must be {wanted}, not {word(node)}")
    return None
