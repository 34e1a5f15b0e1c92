"""Shapes of lists and mappings."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import TypeGuard

from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Item, Pair, Schema, Shape, refuse
from cjo_stream.definition.text.node import Mapping, Node, Scalar, Sequence, word
from cjo_stream.definition.text.report import Report, quoted, unknown


@dataclass(frozen=True)
class Many:
    """A list, or one element alone. `fewest` is the least number of elements."""

    of: Shape
    fewest: int = 0

    def read(self, node: Node, report: Report) -> Item | None:
        """Return a list of items."""
        if not isinstance(node, Sequence):
            one = self.of.read(node, report)
            return None if one is None else Item(node, [one])
        if len(node.items) < self.fewest:
            report.error(node, Code.EMPTY, "must not be empty")
            return None
        read = [self.of.read(item, report) for item in node.items]
        return Item(node, [item for item in read if item is not None])

    def schema(self, shared: dict[str, Schema], /) -> Schema:
        """Return either's schema."""
        one = self.of.schema(shared)
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": self.fewest}]}


@dataclass(frozen=True)
class MapOf:
    """A mapping whose keys the author chooses: a list of Pair, in the order written."""

    key: Shape
    of: Shape
    fewest: int = 0

    def read(self, node: Node, report: Report) -> Item | None:
        """Return a list of pairs."""
        if not isinstance(node, Mapping):
            return refuse(node, report, "a mapping")
        if len(node.pairs) < self.fewest:
            report.error(node, Code.EMPTY, "must not be empty")
            return None
        pairs = []
        for key_node, value_node in node.pairs:
            key, value = self.key.read(key_node, report), self.of.read(value_node, report)
            if key is not None and value is not None:
                pairs.append(Pair(value.node, value.value, key))
        return Item(node, pairs)

    def schema(self, shared: dict[str, Schema], /) -> Schema:
        """Return an object's schema."""
        key = self.key.of if isinstance(self.key, Many) else self.key
        drawn = {
            "type": "object",
            "additionalProperties": self.of.schema(shared),
            "minProperties": self.fewest,
        }
        return {**drawn, "propertyNames": key.schema(shared)}


@dataclass(frozen=True)
class Field:
    """A key of a record. `about` is its description, in schemas and in docs/."""

    of: Shape
    about: str
    is_required: bool = False

    def schema(self, shared: dict[str, Schema]) -> Schema:
        """Return the schema of its values, with the description."""
        return {"description": self.about, **self.of.schema(shared)}


@dataclass(frozen=True)
class Record:
    """A mapping with the keys of a table. Its value is `Fields`.

    `subject` is its name in messages. `short` is the field that a scalar in place of the mapping
    sets. Exactly one of `one_of` must be given. `meant` is the field that an author means who
    writes a scalar that the record does not take: the suggestion names it.
    """

    subject: str
    fields: Table[str, Field]
    short: str | None = None
    one_of: tuple[str, ...] = ()
    meant: str | None = None
    named: str | None = None
    """The name of its schema, if that is shared."""
    never: Table[str, str] = field(default_factory=dict)
    """Keys that it might be thought to have, each with the reason why it has not."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the fields."""
        if self.short is not None and isinstance(node, Scalar):
            alone = self.fields[self.short].of.read(node, report)
            if alone is None:
                return None
            return Item(node, Fields(node, {self.short: alone}, {}, {}))
        if self.can_mean(node):
            instead = f"{{{self.meant}: {node.text}}}"
            message = f"must be a mapping ({self.subject}), not {word(node)}; write {instead}"
            report.error(node, Code.TYPE, message, instead)
            return None
        if not isinstance(node, Mapping):
            return refuse(node, report, f"a mapping ({self.subject})")
        found = Fields(node, {}, {}, {})
        for key_node, value_node in node.pairs:
            self._read_field(key_node, value_node, found, report)
        for name, row in self.fields.items():
            if row.is_required and name not in found.keys:
                report.error(node, Code.MISSING, f"{self.subject} needs {quoted(name)}")
        given = [name for name in self.one_of if name in found.keys]
        is_known = len(found.keys) == len(node.pairs)
        if self.one_of and (len(given) > 1 or (not given and is_known)):
            wanted = ", ".join(self.one_of)
            report.error(node, Code.TOGETHER, f"{self.subject} has exactly one of {wanted}")
        return Item(node, found)

    def can_mean(self, node: Node) -> TypeGuard[Scalar]:
        """Return whether a scalar is a value of the field `meant`."""
        if self.meant is None or not isinstance(node, Scalar):
            return False
        return self.fields[self.meant].of.read(node, Report()) is not None

    def _read_field(self, key_node: Node, value_node: Node, found: Fields, report: Report) -> None:
        if not isinstance(key_node, Scalar):
            refuse(key_node, report, "a key")
            return
        name = key_node.text
        row = self.fields.get(name)
        if row is None and name in self.never:
            report.error(key_node, Code.UNKNOWN, self.never[name])
            return
        if row is None:
            report.error(key_node, *unknown(f"key of {self.subject}", name, self.fields))
            return
        found.keys[name], found.nodes[name] = key_node, value_node
        item = row.of.read(value_node, report)
        if item is not None:
            found.read[name] = item

    def schema(self, shared: dict[str, Schema], /) -> Schema:
        """Return an object's schema, or a reference to it."""
        if self.named is None:
            return self._drawn(shared)
        if self.named not in shared:
            shared[self.named] = {}
            shared[self.named] = self._drawn(shared)
        return {"$ref": f"#/$defs/{self.named}"}

    def _drawn(self, shared: dict[str, Schema]) -> Schema:
        drawn: Schema = {
            "type": "object",
            "properties": {name: row.schema(shared) for name, row in self.fields.items()},
            "additionalProperties": False,
        }
        required = [name for name, row in self.fields.items() if row.is_required]
        if required:
            drawn["required"] = required
        if self.one_of:
            drawn["oneOf"] = [{"required": [name]} for name in self.one_of]
        if self.short is None:
            return drawn
        return {"anyOf": [self.fields[self.short].of.schema(shared), drawn]}


@dataclass(frozen=True)
class ScalarOr:
    """One shape for a scalar, another for a mapping."""

    scalar: Shape
    mapping: Shape

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the item of the shape for this kind of node."""
        is_meant = isinstance(self.mapping, Record) and self.mapping.can_mean(node)
        is_scalar = isinstance(node, Scalar) and not is_meant
        return (self.scalar if is_scalar else self.mapping).read(node, report)

    def schema(self, shared: dict[str, Schema], /) -> Schema:
        """Return either's schema."""
        return {"anyOf": [self.scalar.schema(shared), self.mapping.schema(shared)]}
