"""The form of a `policy` document (docs/decisions.md)."""

from __future__ import annotations

from cjo_stream.core.expression.calendar import WEEKDAYS
from cjo_stream.core.word import Consent, Period, Then
from cjo_stream.definition.grammar.compound import Field, Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.scalar import Choice, DurationOr, Number, Text
from cjo_stream.definition.grammar.word import CLASS, DURATION, FLAG, LIMIT, NAMED, SHARE

_NAMES = Many(NAMED, fewest=1)
_DAY = Choice(WEEKDAYS, "day")
_CLOCK = Text("([01][0-9]|2[0-3]):[0-5][0-9]", "a time of day, as 21:00")

_CAP = Record(
    "a cap",
    {
        "name": Field(NAMED, "The cap's name in decision records. Default: cap_1, cap_2, ..."),
        "class": Field(
            Many(CLASS, fewest=1), "Classes that count. Default: all but transactional."
        ),
        "channel": Field(_NAMES, "Channels that count. Default: all."),
        "issue": Field(_NAMES, "Issues that count. Default: all."),
        "group": Field(_NAMES, "Groups that count. Default: all."),
        "action": Field(_NAMES, "Actions that count. Default: all."),
        "max": Field(Number(0, is_whole=True), "How many commands at most.", is_required=True),
        "per": Field(
            DurationOr(tuple(Period)),
            "A calendar day, week or month of the customer's, or a sliding duration.",
            is_required=True,
        ),
    },
)
_LIMIT = Record(
    "a limit",
    {
        "group": Field(_NAMES, "Groups that the limit covers. Default: all."),
        "issue": Field(_NAMES, "Issues that the limit covers. Default: all."),
        "channel": Field(_NAMES, "Channels that the limit covers. Default: all."),
        **LIMIT,
    },
)
_WINDOW = Record(
    "quiet hours",
    {
        "channel": Field(_NAMES, "Channels that are quiet. Default: all."),
        "days": Field(
            Many(_DAY, fewest=1), "Days on which the window begins. Default: every day."
        ),
        "from": Field(
            _CLOCK,
            "When it begins, in the customer's time zone. Without times the whole day is quiet.",
        ),
        "until": Field(_CLOCK, "When it ends; earlier than `from` means the next day."),
        "then": Field(
            Choice(tuple(Then), "effect on requests"),
            "`delay`: decide again when it ends; `drop`: do not send.",
            is_required=True,
        ),
    },
)
_EXPLORE = Record(
    "a way to explore",
    {
        "thompson": Field(
            FLAG,
            "Whether choices are drawn from what is known of each candidate's propensity.",
            is_required=True,
        )
    },
)
_PERCENTS = MapOf(NAMED, Number())

POLICY = Record(
    "a policy",
    {
        "policy": Field(NAMED, "The policy's name.", is_required=True),
        "caps": Field(Many(_CAP), "The most commands that a customer may get in a period."),
        "limits": Field(Many(_LIMIT), "Pauses of groups, issues or channels after outcomes."),
        "quiet_hours": Field(Many(_WINDOW), "When nothing is sent."),
        "consent": Field(
            MapOf(CLASS, Choice(tuple(Consent), "kind of consent")),
            "The consent that a class needs: a grant (`opt_in`), or no refusal (`opt_out`). "
            "Default: none.",
        ),
        "service_gate": Field(
            Record(
                "a service gate",
                {"block": Field(Many(CLASS), "Classes that are not sent.", is_required=True)},
            ),
            "Classes that are not sent to a customer with an open service case.",
        ),
        "levers": Field(
            Record(
                "levers",
                {
                    "issue": Field(_PERCENTS, "Percent by issue."),
                    "group": Field(_PERCENTS, "Percent by group."),
                },
            ),
            "Percent that is added to the priority of whole issues or groups.",
        ),
        "holdout": Field(
            SHARE,
            "The share of customers who get no marketing at all, to measure what it is worth.",
        ),
        "explore": Field(
            ScalarOr(SHARE, _EXPLORE),
            "The share of choices that are made at random, or `{thompson: true}`. Default: 0.",
        ),
        "week_starts": Field(_DAY, "The first day of a calendar week. Default: mon."),
        "reward_window": Field(
            DURATION, "How long an acceptance counts for its command. Default: 7d."
        ),
    },
)
