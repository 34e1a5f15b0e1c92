"""What is known of a term's values before anything comes in: their type, and closed words.

These are examples:

    profile.age          a number, if the fact is one
    weekday()            a text, of mon to sun
    event.outcome        a text, of the outcomes, where the event can only be a cjo.outcome
    event.total          a number, where `events` declares it so for all types that may stand there
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from cjo_stream.core.expression.calendar import WEEKDAYS
from cjo_stream.core.expression.reader import Step, path_of
from cjo_stream.core.profile.consent import EVERYWHERE
from cjo_stream.core.program.program import ENGINE_TYPES
from cjo_stream.core.word import AttributeType, ConsentStatus, FactType, Outcome, TraitKind
from cjo_stream.definition.build.context import Context
from cjo_stream.definition.build.use import Types

NUMBER: Final = "number"
TEXT: Final = "text"
BOOLEAN: Final = "boolean"
LIST: Final = "list"
OBJECT: Final = "object"

_OF_FUNCTIONS: Final = {
    **dict.fromkeys(("lower", "upper", "slug", "str", "date"), TEXT),
    **dict.fromkeys(("has", "contains", "starts_with", "consented"), BOOLEAN),
    **dict.fromkeys(
        ("len", "abs", "round", "int", "float", "duration", "days_since", "hours_since", "hour",
         "timestamp", "next_time", "bucket"), NUMBER,
    ),
}  # fmt: skip
_OF_ATTRIBUTES: Final = {
    AttributeType.STRING: TEXT,
    AttributeType.NUMBER: NUMBER,
    AttributeType.BOOLEAN: BOOLEAN,
    AttributeType.LIST: LIST,
    AttributeType.OBJECT: OBJECT,
}
"""A time comes as a text or as a number."""


class Kind(NamedTuple):
    """The values of a term."""

    type: str
    words: Collection[str] | None = None
    """All that a text can be; None: anything."""
    what: str = ""
    """What such a word is called, or a number."""
    is_open: bool = False
    """Whether there may be other words, too: the name of a definition that is gone."""


_TIME: Final = Kind(NUMBER, what="time, a number of ms")
_OF_FACTS: Final = {
    FactType.STRING: Kind(TEXT),
    FactType.NUMBER: Kind(NUMBER),
    FactType.BOOLEAN: Kind(BOOLEAN),
    FactType.TIME: _TIME,
    FactType.LIST: Kind(LIST),
}
_OF_TRAITS: Final = {
    TraitKind.COUNT: Kind(NUMBER),
    TraitKind.SUM: Kind(NUMBER),
    TraitKind.MIN: Kind(NUMBER),
    TraitKind.MAX: Kind(NUMBER),
    TraitKind.DISTINCT: Kind(LIST),
}
_OF_PROFILE: Final = {
    "id": Kind(TEXT),
    "open_cases": Kind(NUMBER),
    **dict.fromkeys(("first_seen", "last_seen", "last_case_closed"), _TIME),
}


@dataclass(frozen=True)
class Known:
    """What definitions declare, as far as it compiled."""

    context: Context
    journeys: Collection[str]
    events: Mapping[str, Mapping[str, AttributeType]]
    """The declared attributes by event type, without types that journeys raise."""

    def kind(self, node: ast.expr, roots: Mapping[str, Types]) -> Kind | None:
        """Return what is known of a term; `roots` are the types of `event` and of `entry`."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "weekday":
                return Kind(TEXT, WEEKDAYS, "weekday")
            type_ = _OF_FUNCTIONS.get(node.func.id)
            return Kind(type_) if type_ is not None else None
        root, steps = path_of(node)
        if not isinstance(root, ast.Name):
            return None
        if root.id == "now":
            return _TIME
        if root.id == "candidate":
            return self._channel()
        if root.id == "profile" and len(steps) == 1:
            return self._of_profile(steps[0].name)
        return self._of_event(steps, roots[root.id]) if root.id in roots else None

    def _channel(self) -> Kind:
        return Kind(TEXT, self.context.declared.channels, "channel")

    def _of_profile(self, name: str) -> Kind | None:
        facts, traits = self.context.facts, self.context.traits
        if name == "last_channel":
            return self._channel()
        if name in facts:
            return _OF_FACTS[facts[name].type]
        return _OF_TRAITS.get(traits[name].kind) if name in traits else _OF_PROFILE.get(name)

    def _of_event(self, steps: list[Step], types: Types) -> Kind | None:
        if len(steps) == 1 and steps[0].name == "channel":
            return self._channel()
        if steps and steps[0].name == "attributes":
            steps = steps[1:]
        if len(steps) != 1 or not types:
            return None
        name = steps[0].name
        if (found := self._of_built_in(name, types)) is not None:
            return found
        declared = {self.events.get(type_, {}).get(name) for type_ in types}
        one = declared.pop() if len(declared) == 1 else None
        return Kind(_OF_ATTRIBUTES[one]) if one in _OF_ATTRIBUTES else None

    def _of_built_in(self, name: str, types: frozenset[str]) -> Kind | None:
        words = built_in_words(name, types, self.context)
        if words is None and name == "journey" and types <= ENGINE_TYPES:
            words = self.journeys
        is_open = name in ("action", "journey")
        return Kind(TEXT, words, name, is_open) if words is not None else None


def built_in_words(name: str, types: frozenset[str], context: Context) -> Collection[str] | None:
    """Return all that an attribute of an outcome or a consent can be; None if it can be more."""
    known: Mapping[str, Collection[str]] = {}
    if types == {"cjo.outcome"}:
        known = {
            "outcome": tuple(Outcome),
            "channel": context.declared.channels,
            "action": context.actions.keys(),
        }
    elif types == {"cjo.consent"}:
        known = {
            "status": tuple(ConsentStatus),
            "channel": context.declared.channels | {EVERYWHERE},
        }
    return known.get(name)
