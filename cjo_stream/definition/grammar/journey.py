"""The form of a `journey` document (docs/journeys.md)."""

from __future__ import annotations

from cjo_stream.definition.grammar.compound import Field, Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.scalar import EVENT_TYPE, Choice, Number, Text
from cjo_stream.definition.grammar.word import (
    CONDITION,
    COUNT,
    DURATION,
    EVENT_TYPES,
    FLAG,
    FORMULA,
    FORMULAS,
    KEYED,
    NAMED,
    ON,
    SHARE,
    TEXT,
    VARIABLES,
)

STATUSES = ("live", "draft")

_ACT = Record(
    "an act",
    {
        "action": Field(NAMED, is_required=True),
        "channels": Field(Many(NAMED, fewest=1)),
        "data": Field(VARIABLES),
    },
    short="action",
)
_NAMES = Many(NAMED, fewest=1)
_DECIDE = Record(
    "a decide",
    {
        "issue": Field(_NAMES),
        "group": Field(_NAMES),
        "actions": Field(_NAMES),
        "channels": Field(_NAMES),
        "data": Field(VARIABLES),
    },
)
_RAISE = Record(
    "a raise",
    {
        "type": Field(Text(EVENT_TYPE, "an event type"), is_required=True),
        "attributes": Field(FORMULAS),
    },
)
_STEP = Record(
    "a step",
    {
        "act": Field(_ACT),
        "decide": Field(_DECIDE),
        "raise": Field(_RAISE),
        "set": Field(VARIABLES),
        "assign": Field(VARIABLES),
    },
    one_of=("act", "decide", "raise", "set", "assign"),
    named="step",
)
STEPS = Many(_STEP)

_BRANCH = Record(
    "a branch of a split",
    {"weight": Field(Number(0), is_required=True), "to": Field(NAMED, is_required=True)},
    named="branch",
)
_MOVE = {
    "to": Field(NAMED),
    "split": Field(MapOf(NAMED, _BRANCH, fewest=1)),
    "when": Field(CONDITION),
    "do": Field(STEPS),
}
TRANSITION = Record("a transition", _MOVE, short="to", named="transition")
_AT = Record(
    "an at timer",
    {
        "time": Field(FORMULA, is_required=True),
        **_MOVE,
        "past": Field(Choice(("fire", "skip"), "way with the past")),
    },
    named="at",
)
_ON = MapOf(EVENT_TYPES, Many(TRANSITION))
_STATE = Record(
    "a state",
    {
        "enter": Field(STEPS),
        "leave": Field(STEPS),
        "on": Field(_ON),
        "always": Field(Many(TRANSITION)),
        "after": Field(MapOf(DURATION, TRANSITION)),
        "at": Field(Many(_AT)),
        "end": Field(NAMED),
    },
)

_REENTRY = ScalarOr(
    Choice(("after_end", "never", "always"), "re-entry"),
    Record(
        "a re-entry",
        {"after_end": Field(DURATION), "after_entry": Field(DURATION)},
        one_of=("after_end", "after_entry"),
    ),
)
_ENTRY = Record("an entry", {**KEYED, "reentry": Field(_REENTRY)})
_GOAL = Record(
    "a goal", {**ON, "within": Field(DURATION), "exit": Field(FLAG), "do": Field(STEPS)}
)
_EXIT = Record("an exit", {**ON, "as": Field(NAMED, is_required=True), "do": Field(STEPS)})

JOURNEY = Record(
    "a journey",
    {
        "journey": Field(NAMED, is_required=True),
        "version": Field(COUNT, is_required=True),
        "owner": Field(TEXT),
        "about": Field(TEXT),
        "status": Field(Choice(STATUSES, "status", subject="status")),
        "entry": Field(_ENTRY, is_required=True),
        "holdout": Field(SHARE),
        "data": Field(VARIABLES),
        "goal": Field(_GOAL),
        "exit": Field(Many(_EXIT)),
        "initial": Field(NAMED, is_required=True),
        "on": Field(_ON),
        "states": Field(MapOf(NAMED, _STATE, fewest=1), is_required=True),
    },
)
