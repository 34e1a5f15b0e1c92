"""What a document says, apart from how it is written: two with equal meanings run alike.

Short forms are written out, durations are compared by value, expressions without their layout,
and defaults are filled in. The order of steps, rules, timers and treatments is meant; that of a
mapping's other keys is not.

    Part               one thing of a document, with its place in the text, and its inner parts
    meaning_of         a document as a Part
    Part.signature     hashable; equal if nothing changed
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from cjo_stream.core.duration import duration_text
from cjo_stream.core.expression import ExpressionError
from cjo_stream.core.expression.parser import parse
from cjo_stream.definition.grammar.compound import Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.item import Fields, Item, Pair, Shape
from cjo_stream.definition.grammar.meant import (
    ABSENT_IS_EMPTY,
    DEFAULTS,
    EMPTY_IS_ABSENT,
    ORDERED,
    UNORDERED,
    WORDS,
)
from cjo_stream.definition.grammar.scalar import Duration, DurationOr, Formula
from cjo_stream.definition.section import KINDS, Definition
from cjo_stream.definition.text.node import Node

Word = tuple[str, ...]
"""One step of the path to a part, as `("state", "waiting")`; empty: not named in the path."""


class Form(enum.Enum):
    """How the inner parts of a part are compared."""

    LEAF = "a value"
    RECORD = "by field"
    MAP = "by key"
    LIST = "in order"
    SET = "as a set"


@dataclass(eq=False)
class Part:
    """One thing of a document. `label` is its key, or its name in a list.

    `node` is its value's place; None: it is not written, and has its default. `key` is the place
    of its key, if it has one. `shown` and `same` are a leaf's value, for people and to compare.
    `kin`: parts of a list that stand for each other have equal ones.
    """

    word: Word
    label: str
    form: Form
    node: Node | None
    key: Node | None = None
    shown: Any = None
    same: object = None
    parts: list[Part] = field(default_factory=list)
    is_ordered: bool = False
    kin: str = ""

    @cached_property
    def signature(self) -> object:
        """Hashable; equal for two parts that mean the same."""
        inner = [(part.label, part.signature) for part in self.parts]
        if self.form is Form.LEAF:
            return self.same
        if self.form is Form.LIST:
            return self.kin, tuple(signature for _, signature in inner)
        if self.form is Form.MAP and self.is_ordered:
            return tuple(inner)
        return self.kin, frozenset(inner)

    @property
    def value(self) -> Any:
        """The part as plain data: what is written, and defaults."""
        if self.form is Form.LEAF:
            return self.shown
        if self.form in (Form.LIST, Form.SET):
            return [part.value for part in self.parts]
        return {part.label: part.value for part in self.parts if part.value is not None}


def meaning_of(definition: Definition, *without: str) -> Part:
    """Return a document as a part, without some of its fields."""
    assert definition.fields is not None
    shape = KINDS[definition.kind]
    item = Item(definition.fields.node, definition.fields)
    [whole] = _parts(shape, item, _Place((), definition.kind, ""))
    whole.parts = [part for part in whole.parts if part.label not in (definition.kind, *without)]
    if definition.kind == "topology":
        _fill_in(whole)
    return whole


@dataclass(frozen=True)
class _Place:
    """Where a shape stands: the record's subject ("": an entry of a mapping), and the field."""

    word: Word
    label: str
    subject: str
    key: Node | None = None

    @property
    def at(self) -> tuple[str, str]:
        return self.subject, self.label


def _parts(shape: Shape, item: Item, place: _Place) -> list[Part]:
    """Return the parts that an item makes: one, or one for each type in a key that is a list."""
    if isinstance(shape, ScalarOr):
        if place.at == ("identity", "blocked") and not isinstance(item.value, Fields):
            item = Item(item.node, Fields(item.node, {"value": item}, {}, {}))
        is_fields = isinstance(item.value, Fields)
        return _parts(shape.mapping if is_fields else shape.scalar, item, place)
    if isinstance(shape, Record):
        return [_record(shape, item, place)]
    if isinstance(shape, MapOf):
        return [_map(shape, item, place)]
    if isinstance(shape, Many):
        return [_list(shape, item, place)]
    return [_leaf(shape, item, place)]


def _leaf(shape: Shape, item: Item, place: _Place) -> Part:
    shown = same = item.value
    if isinstance(shape, Formula) and place.at != ("a propensity", "features"):
        # The name of a learnt feature is its text.
        same = expression_meaning(item.value)
    elif isinstance(shape, Duration | DurationOr) and isinstance(item.value, int):
        shown = duration_text(item.value)
    elif isinstance(shown, enum.Enum):
        shown = str(shown)
    return _value(place.word, place.label, shown, same, item.node, place.key)


def _value(
    word: Word, label: str, shown: Any, same: Any, node: Node | None, key: Node | None = None
) -> Part:
    if not isinstance(same, tuple):
        same = (isinstance(same, bool), repr(same) if isinstance(same, list | dict) else same)
    return Part(word, label, Form.LEAF, node, key, shown, same)


def expression_meaning(value: object) -> tuple[bool, object]:
    """Return an expression or a constant so that two with the same meaning are equal.

    >>> expression_meaning("event.total>1") == expression_meaning("event.total > 1")
    True
    """
    if not isinstance(value, str):
        return isinstance(value, bool), value
    try:
        tree = _Constants().visit(parse(value))
    except ExpressionError:
        return False, value
    if isinstance(tree, ast.Constant) and not isinstance(tree.value, str):
        return isinstance(tree.value, bool), tree.value
    return False, f"`{ast.unparse(tree)}"


class _Constants(ast.NodeTransformer):
    """Writes `true false null` as Python does."""

    _VALUES: Final = {"true": True, "false": False, "null": None}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(self._VALUES[node.id]) if node.id in self._VALUES else node


def _record(shape: Record, item: Item, place: _Place) -> Part:
    fields: Fields = item.value
    whole = Part(place.word, place.label, Form.RECORD, item.node, place.key)
    if shape.one_of:
        whole.kin = next((name for name in shape.one_of if name in fields.read), "")
    for name, row in shape.fields.items():
        read = fields.read.get(name)
        word = WORDS.get((shape.subject, name), WORDS.get(("", name), (name,)))
        at = _Place(word, name, shape.subject, fields.keys.get(name))
        if read is not None:
            whole.parts += [part for part in _parts(row.of, read, at) if not _is_absent(part, at)]
        elif (default := DEFAULTS.get((shape.subject, name))) is not None:
            whole.parts.append(_default(row.of, default, at))
        elif at.at in ABSENT_IS_EMPTY and isinstance(row.of, Record):
            none = Item(item.node, Fields(item.node, {}, {}, {}))
            whole.parts.append(_record(row.of, none, at))
    if shape.subject == "a state":
        whole.parts += _order_of_timers(fields)
    return whole


def _default(shape: Shape, default: object, place: _Place) -> Part:
    is_time = isinstance(shape, Duration) and isinstance(default, int)
    shown = duration_text(default) if is_time and isinstance(default, int) else default
    return _value(place.word, place.label, shown, default, None)


def _is_absent(part: Part, place: _Place) -> bool:
    """Return whether a part means the same as none: an empty list, or mapping of the author's."""
    if part.form is Form.LEAF or part.parts:
        return False
    return part.form is not Form.RECORD or place.at in EMPTY_IS_ABSENT


def _order_of_timers(fields: Fields) -> Iterator[Part]:
    """Yield which of a state's two kinds of timers is written first, if it has both."""
    both = [name for name in fields.read if name in ("after", "at") and fields.items(name)]
    if len(both) == 2:
        yield _value(
            ("order", "timers"),
            "timers",
            both,
            tuple(both),
            fields.nodes[both[1]],
            fields.keys[both[1]],
        )


def _map(shape: MapOf, item: Item, place: _Place) -> Part:
    is_entry = place.subject == ""
    outer = ("attribute",) if is_entry else place.word
    inner: list[Part] = []
    pairs: list[Pair] = item.value
    for pair in pairs:
        keys = pair.key.value if isinstance(pair.key.value, list) else [pair.key]
        for key in keys:
            name = duration_text(key.value) if isinstance(shape.key, Duration) else str(key.value)
            inner += _parts(shape.of, pair, _Place((*outer, name), name, "", key.node))
    word = place.word if is_entry else ()
    is_ordered = place.at in ORDERED
    return Part(word, place.label, Form.MAP, item.node, place.key, None, None, inner, is_ordered)


def _list(shape: Many, item: Item, place: _Place) -> Part:
    items: list[Item] = item.value
    bare = _Place(place.word, place.label, place.subject)
    inner = [part for one in items for part in _parts(shape.of, one, bare)]
    if isinstance(shape.of, Record | ScalarOr):
        _name(inner, place)
        is_ordered = place.at not in UNORDERED
    else:
        for part in inner:
            part.label = str(part.shown)
            part.word = (*place.word, part.label)
        is_ordered = place.at in ORDERED
    form = Form.LIST if is_ordered else Form.SET
    return Part((), place.label, form, item.node, place.key, None, None, inner, is_ordered)


_NAMED_BY: Final = ("name", "type", "as", "outcome", "time", "value", "pattern")
"""The first of these fields that an element of a list has is its name."""
_NUMBERED: Final = frozenset(("on", "always", "map", "opened", "closed"))
"""Lists whose elements have no name."""


def _name(elements: list[Part], place: _Place) -> None:
    """Give each element of a list a name of its own."""
    if place.subject == "" and len(elements) == 1:
        elements[0].word = place.word  # the one transition of an event type
        elements[0].label = "1"
        return
    taken: dict[str, int] = {}
    for position, part in enumerate(elements, 1):
        if place.at == ("a policy", "caps"):
            _add_default(part, "name", f"cap_{position}")
        name = _own_name(part, place) or str(position)
        taken[name] = taken.get(name, 0) + 1
        part.label = name if taken[name] == 1 else f"{name} {taken[name]}"
        part.word = (*place.word, part.label)


def _own_name(part: Part, place: _Place) -> str | None:
    if part.kin in _STEPS:
        return _step_name(part)
    if place.subject == "" or place.label in _NUMBERED:
        return None
    found = {one.label: one.shown for one in part.parts if one.form is Form.LEAF}
    return next((str(found[key]) for key in _NAMED_BY if key in found), None)


_STEPS: Final = {"act": "action", "decide": "", "raise": "type", "set": "", "assign": ""}
"""Kinds of steps, and the field that names what they are about."""


def _step_name(step: Part) -> str:
    """Return what a step does, and with what."""
    about = _STEPS[step.kin]
    inner = step.parts[0].parts if step.parts and about else []
    return " ".join([step.kin, *(str(one.shown) for one in inner if one.label == about)])


def _fill_in(topology: Part) -> None:
    """Fill in the defaults that depend on other parts of a topology."""
    for part in _below(topology):
        if len(part.word) == 2 and part.word[0] == "channel":
            for way, topic in (("in", "event"), ("out", "action")):
                for one in (inner for inner in part.parts if inner.label == way):
                    _add_default(one, "topic", f"cjo.{topic}.{part.word[1]}.v1")
        if (
            part.label == "identifiers"
            and part.parts
            and part.parts[0].word[:1] == ("identifier",)
        ):
            for one in part.parts:
                if any(inner.label == "shared_after" for inner in one.parts):
                    _add_default(one, "of", part.parts[0].label)


def _add_default(part: Part, name: str, value: str) -> None:
    if all(inner.label != name for inner in part.parts):
        part.parts.append(_value((name,), name, value, value, None))


def _below(part: Part) -> Iterator[Part]:
    yield part
    for inner in part.parts:
        yield from _below(inner)
