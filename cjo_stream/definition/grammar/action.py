"""The form of an `action` document (docs/decisions.md)."""

from __future__ import annotations

from cjo_stream.definition.grammar.compound import Field, Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.scalar import Number
from cjo_stream.definition.grammar.word import (
    CLASS,
    CONDITION,
    DURATION,
    FORMULA,
    FORMULAS,
    LIMIT,
    NAMED,
    TEXT,
)

_PROPENSITY = ScalarOr(
    FORMULA,
    Record(
        "a propensity",
        {
            "prior": Field(
                Number(0, 1),
                "How likely an acceptance is before anything is learnt, from 0 to 1.",
                is_required=True,
            ),
            "features": Field(Many(FORMULA), "Expressions that the likelihood may depend on."),
        },
        named="propensity",
    ),
)
_CONTEXT = Record(
    "a context weight",
    {
        "when": Field(CONDITION, "The condition under which the weight counts.", is_required=True),
        "weight": Field(
            Number(),
            "Percent that the priority gains; a negative number subtracts.",
            is_required=True,
        ),
    },
)
_TREATMENT = Record(
    "a treatment",
    {
        "template": Field(TEXT, "The name of the template that the channel fills."),
        "payload": Field(FORMULAS, "Values for the template, by name; a missing one is left out."),
        "propensity": Field(
            _PROPENSITY, "How likely an acceptance is on this channel. Default: the action's."
        ),
    },
)
ACTION = Record(
    "an action",
    {
        "action": Field(NAMED, "The action's name.", is_required=True),
        "issue": Field(
            NAMED, "The business issue that the action belongs to, such as sales. Above the group."
        ),
        "group": Field(NAMED, "The group within the issue, such as broadband."),
        "owner": Field(TEXT, "The team that answers for the action."),
        "class": Field(
            CLASS,
            "The purpose of the action; gates depend on it. Default: marketing.",
        ),
        "value": Field(
            FORMULA, "What an acceptance is worth: a number or an expression. Default: 1."
        ),
        "lever": Field(
            Number(), "Percent that operations adds to the priority; a negative number subtracts."
        ),
        "eligible": Field(CONDITION, "May this customer have it? Default: true."),
        "applicable": Field(CONDITION, "Does it make sense now? Default: true."),
        "suitable": Field(CONDITION, "Is it good for this customer? Default: true."),
        "context": Field(
            Many(_CONTEXT), "Weights that depend on the moment; those that hold add up."
        ),
        "propensity": Field(
            _PROPENSITY,
            "How likely an acceptance is; with `prior` it is learnt. Default: 1.",
        ),
        "limits": Field(Many(Record("a limit", LIMIT)), "Pauses of this action after outcomes."),
        "expires": Field(DURATION, "How long a command is worth sending. Default: 7d."),
        "treatments": Field(
            MapOf(NAMED, _TREATMENT, fewest=1), "What is sent, by channel.", is_required=True
        ),
    },
)
