"""The form of a `policy` document (docs/decisions.md)."""

from __future__ import annotations

from cjo_stream.core.expression.calendar import WEEKDAYS
from cjo_stream.definition.grammar.compound import Field, Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.scalar import Choice, DurationOr, Number, Text
from cjo_stream.definition.grammar.word import CLASS, DURATION, FLAG, LIMIT, NAMED, SHARE

PERIODS = ("day", "week", "month")

_NAMES = Many(NAMED, fewest=1)
_DAY = Choice(WEEKDAYS, "day")
_CLOCK = Text("([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day, as 21:00")

_CAP = Record(
    "a cap",
    {
        "name": Field(NAMED),
        "class": Field(Many(CLASS, fewest=1)),
        "channel": Field(_NAMES),
        "issue": Field(_NAMES),
        "group": Field(_NAMES),
        "action": Field(_NAMES),
        "max": Field(Number(0, is_whole=True), is_required=True),
        "per": Field(DurationOr(PERIODS), is_required=True),
    },
)
_LIMIT = Record(
    "a limit",
    {"group": Field(_NAMES), "issue": Field(_NAMES), "channel": Field(_NAMES), **LIMIT},
)
_WINDOW = Record(
    "quiet hours",
    {
        "channel": Field(_NAMES),
        "days": Field(Many(_DAY, fewest=1)),
        "from": Field(_CLOCK),
        "until": Field(_CLOCK),
        "then": Field(Choice(("delay", "drop"), "way with requests"), is_required=True),
    },
)
_EXPLORE = Record("a way to explore", {"thompson": Field(FLAG, is_required=True)})
_PERCENTS = MapOf(NAMED, Number())

POLICY = Record(
    "a policy",
    {
        "policy": Field(NAMED, is_required=True),
        "caps": Field(Many(_CAP)),
        "limits": Field(Many(_LIMIT)),
        "quiet_hours": Field(Many(_WINDOW)),
        "consent": Field(MapOf(CLASS, Choice(("opt_in", "opt_out"), "way of consent"))),
        "service_gate": Field(
            Record("a service gate", {"block": Field(Many(CLASS), is_required=True)})
        ),
        "levers": Field(Record("levers", {"issue": Field(_PERCENTS), "group": Field(_PERCENTS)})),
        "holdout": Field(SHARE),
        "explore": Field(ScalarOr(SHARE, _EXPLORE)),
        "week_starts": Field(_DAY),
        "reward_window": Field(DURATION),
    },
)
