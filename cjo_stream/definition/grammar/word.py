"""Shapes that all kinds of documents use."""

from __future__ import annotations

from cjo_stream.definition.grammar.compound import Field, Many, MapOf
from cjo_stream.definition.grammar.scalar import (
    EVENT_TYPE,
    NAME,
    Choice,
    Duration,
    DurationOr,
    Flag,
    Formula,
    Number,
    Share,
    Text,
)

NAMED = Text(NAME, "a name")
TEXT = Text()
EVENT_TYPES = Many(Text(EVENT_TYPE, "an event type"), fewest=1)
CONDITION = Formula(is_condition=True)
FORMULA = Formula()
FORMULAS = MapOf(TEXT, FORMULA)
VARIABLES = MapOf(NAMED, FORMULA)
COUNT = Number(1, is_whole=True)
DURATION = Duration()
SHARE = Share()
FLAG = Flag()

ON = {"on": Field(EVENT_TYPES, is_required=True), "when": Field(CONDITION)}
KEYED = {**ON, "key": Field(FORMULA)}

CLASSES = ("marketing", "service", "transactional")
CLASS = Choice(CLASSES, "class")
OUTCOMES = ("delivered", "impression", "click", "accept", "reject", "failed", "converted")
LIMIT = {
    "outcome": Field(Choice(("offered", *OUTCOMES), "outcome"), is_required=True),
    "count": Field(COUNT),
    "per": Field(DURATION),
    "pause": Field(DurationOr(("forever",)), is_required=True),
}
