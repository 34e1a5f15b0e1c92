"""Shared state of a compilation: the names that definitions use of each other; expressions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from cjo_stream.core.expression import (
    Expression,
    ExpressionError,
    Names,
    Place,
    compile_expression,
    constant,
)
from cjo_stream.core.expression.literal import purposes
from cjo_stream.core.program.action import Candidate
from cjo_stream.core.program.topology import Channel, Fact, IdentifierType, Trait
from cjo_stream.core.vocabulary import BUILT_IN
from cjo_stream.definition.build.use import Uses
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.item import Fields, Item, Pair
from cjo_stream.definition.text.compose import QUOTE, QUOTE_COMMENT, is_cut_by_comment, is_open
from cjo_stream.definition.text.node import Node, Scalar, Sequence, names_below
from cjo_stream.definition.text.report import Report, quoted, unknown

PROFILE_TYPES = frozenset(BUILT_IN)
"""Types of events that change the profile by themselves (docs/events.md)."""
_WORD = re.compile(r"[\w.]+")
_OF_PROFILE = re.compile(r"\bprofile\s*\.\s*(?:identifiers\s*\.\s*)?(\w+)")

_OF_PREDICT = re.compile(r"\bpredict\s*\.\s*(\w+)")


@dataclass(frozen=True)
class Ask:
    """The properties of an action that requests for it need."""

    class_: str
    channels: tuple[str, ...]
    issue: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Declared:
    """The names that a topology declares.

    Names in parts that do not load are included, so that uses of them are not reported as unknown.
    `is_known` is false if there is no readable topology; then no use of its names is checked.
    """

    channels: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    facts: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()
    predictions: frozenset[str] = frozenset()
    events: Mapping[str, Collection[str]] | None = None
    """The attributes of event types; None where anything may come."""
    is_sample: bool = False
    """Whether `events` are those of a sample, and not declared."""
    is_known: bool = False

    @classmethod
    def of(
        cls, fields: Fields | None, sample: Mapping[str, Collection[str]] | None = None
    ) -> Declared:
        """Return the names that a topology document declares.

        A `sample` stands in for the events of a document that declares none.
        """
        if fields is None:
            return cls()
        profile, identity = fields.written("profile"), fields.written("identity")
        listed = identity.get("identifiers")
        rows = listed.items if isinstance(listed, Sequence) else [listed]
        types = [names_below(row).get("type") for row in rows]
        has_events = "events" in fields.keys
        events = {name: [*names_below(node)] for name, node in fields.written("events").items()}
        return cls(
            channels=frozenset(fields.written("channels")),
            identifiers=frozenset(node.text for node in types if isinstance(node, Scalar)),
            facts=frozenset(names_below(profile.get("facts"))),
            traits=frozenset(names_below(profile.get("traits"))),
            predictions=frozenset(fields.written("predict")),
            events=events if has_events else sample,
            is_sample=not has_events and sample is not None,
            is_known=True,
        )


@dataclass
class Context:
    """The definitions compiled so far, for those that refer to them."""

    report: Report
    declared: Declared
    channels: dict[str, Channel] = field(default_factory=dict)
    identifiers: dict[str, IdentifierType] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    traits: dict[str, Trait] = field(default_factory=dict)
    actions: dict[str, Ask | None] = field(default_factory=dict)
    """None for an action that does not load."""
    eras: Mapping[str, int] = field(default_factory=dict)
    """The eras of traits, facts and cases (definition/era.py)."""
    candidates: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)
    """The whole portfolio, by action, in order of name."""
    given: dict[str, set[str]] = field(default_factory=dict)
    """By action, the variables that requests for it have."""
    uses: Uses = field(default_factory=Uses)
    """The event types and attributes that definitions name."""
    purposes: set[str | None] = field(default_factory=set)
    """The purposes of consent that expressions ask for; with None, any."""
    is_stored: bool = False
    """Whether the set was applied before; it was valid then."""

    def expression(
        self,
        item: Item | None,
        place: Place,
        definition: str,
        data: frozenset[str] | None = None,
    ) -> Expression | None:
        """Return the compiled expression; None if it is absent, or was reported."""
        if item is None:
            return None
        if not isinstance(item.value, str):
            return constant(item.value, definition)
        try:
            compiled = compile_expression(
                item.value, place, self._names(item.value, data), definition
            )
        except ExpressionError as error:
            message = error.message
            if is_cut_by_comment(item.node):
                message += f"; if a part of it is missing, {QUOTE_COMMENT}"
            elif is_open(item.node):
                message += f"; if a part of it is missing, {QUOTE}"
            finding = Code[error.fault.name], message, error.suggestion
            self.error_in(item, error.column, error.written, *finding)
            return None
        for _, message in compiled.warnings:
            self.report.warn(item.node, Code.NULL, message)
        self.uses.expressions.append(item)
        if "profile" in place.value:
            named = purposes(item.value)
            self.purposes.update({None} if named is None else named)
        if place is Place.ACTION:
            self.uses.read(item, compiled, "event", None)
        return compiled

    def expressions(
        self,
        pairs: list[Pair],
        place: Place,
        definition: str,
        data: frozenset[str] | None = None,
    ) -> dict[str, Expression]:
        """Return the expressions of a mapping, by name."""
        compiled = (
            (pair.key.value, self.expression(pair, place, definition, data)) for pair in pairs
        )
        return {name: expression for name, expression in compiled if expression is not None}

    def check_known(self, node: Node, what: str, name: str, valid: Collection[str]) -> None:
        """Report a name that the topology does not declare, if there is a readable topology."""
        if self.declared.is_known and name not in valid:
            self.report.error(node, *unknown(what, name, valid))

    def warn_unless_used(self, items: list[Item], what: str) -> None:
        """Warn of issues or groups that no action belongs to, if all actions are known."""
        if None in self.actions.values():
            return
        known = self.used(what)
        for item in items:
            if item.value not in known:
                self.report.warn(item.node, *unknown(f"{what}: no action has", item.value, known))

    def used(self, what: str) -> set[str]:
        """Return the issues or groups that some action belongs to."""
        return {getattr(ask, what) for ask in self.actions.values() if ask is not None} - {None}

    def error_in(
        self,
        item: Item,
        offset: int,
        written: str,
        code: Code,
        message: str,
        suggestion: str,
    ) -> None:
        """Report an error at a character of an expression.

        `suggestion` replaces `written`; it is dropped if the file spells this with an escape.
        """
        node = item.node
        index = node.index_at(offset) if isinstance(node, Scalar) else node.start
        text = node.source.text
        if written and text.startswith(written, index, node.end):
            self.report.error_at(node.source, index, code, message, suggestion, len(written))
            return
        found = _WORD.match(text, index, node.end)
        self.report.error_at(node.source, index, code, message, "", len(found[0]) if found else 1)

    def refuse(
        self, item: Item, offset: int, written: str, code: Code, message: str, suggestion: str
    ) -> None:
        """Report what earlier releases took: an error; in a set that is stored, a warning.

        A set that was applied goes on compiling, or what runs by it could not be started again.
        """
        if self.is_stored:
            self.report.warn(item.node, code, message)
        else:
            self.error_in(item, offset, written, code, message, suggestion)

    def _names(self, text: str, data: frozenset[str] | None) -> Names:
        declared = self.declared
        if declared.is_known:
            profile = declared.facts | declared.traits
            return Names(profile, declared.identifiers, data, declared.predictions)
        read = frozenset(_OF_PROFILE.findall(text))
        return Names(read, read, data, frozenset(_OF_PREDICT.findall(text)))


def texts(items: list[Item]) -> frozenset[str]:
    """Return the values of a list of texts."""
    return frozenset(item.value for item in items)


def report_repeated(items: list[Item], what: str, report: Report) -> None:
    """Report the elements that a list repeats."""
    seen: set[str] = set()
    for item in items:
        if item.value in seen:
            report.error(item.node, Code.REPEATED, f"repeated {what} {quoted(item.value)}")
        seen.add(item.value)
