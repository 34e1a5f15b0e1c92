"""Shapes that all kinds of documents use."""

from __future__ import annotations

from cjo_stream.core.word import OFFERED, ActionClass, Outcome
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

ON = {
    "on": Field(EVENT_TYPES, "Event types; any of them matches.", is_required=True),
    "when": Field(CONDITION, "Only if this condition holds."),
}
KEYED = {
    **ON,
    "key": Field(
        FORMULA, "An expression that distinguishes instances or cases, such as a cart's id."
    ),
}

CLASS = Choice(tuple(ActionClass), "class")
LIMIT = {
    "outcome": Field(
        Choice((OFFERED, *Outcome), "outcome"),
        "The outcome that counts; `offered` counts every command.",
        is_required=True,
    ),
    "count": Field(COUNT, "How many of them start the pause. Default: 1."),
    "per": Field(DURATION, "The time within which they count. Default: ever."),
    "pause": Field(
        DurationOr(("forever",)),
        "How long nothing of this scope is sent, from the outcome's own time.",
        is_required=True,
    ),
}
