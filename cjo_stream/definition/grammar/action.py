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
        {"prior": Field(Number(0, 1), is_required=True), "features": Field(Many(FORMULA))},
        named="propensity",
    ),
)
_CONTEXT = Record(
    "a context weight",
    {"when": Field(CONDITION, is_required=True), "weight": Field(Number(), is_required=True)},
)
_TREATMENT = Record(
    "a treatment",
    {
        "template": Field(TEXT),
        "payload": Field(FORMULAS),
        "propensity": Field(_PROPENSITY),
    },
)
ACTION = Record(
    "an action",
    {
        "action": Field(NAMED, is_required=True),
        "issue": Field(NAMED),
        "group": Field(NAMED),
        "owner": Field(TEXT),
        "class": Field(CLASS),
        "value": Field(FORMULA),
        "lever": Field(Number()),
        "eligible": Field(CONDITION),
        "applicable": Field(CONDITION),
        "suitable": Field(CONDITION),
        "context": Field(Many(_CONTEXT)),
        "propensity": Field(_PROPENSITY),
        "limits": Field(Many(Record("a limit", LIMIT))),
        "expires": Field(DURATION),
        "treatments": Field(MapOf(NAMED, _TREATMENT, fewest=1), is_required=True),
    },
)
