"""The form of a `topology` document (docs/topology.md)."""

from __future__ import annotations

from cjo_stream.definition.grammar.compound import Field, Many, MapOf, Record
from cjo_stream.definition.grammar.scalar import Anything, Choice, Loose, Text
from cjo_stream.definition.grammar.word import (
    CONDITION,
    COUNT,
    DURATION,
    EVENT_TYPES,
    FORMULA,
    FORMULAS,
    KEYED,
    NAMED,
    TEXT,
    VARIABLES,
)

FORMATS = ("native", "segment", "cloudevents", "mapped")
FACT_TYPES = ("string", "number", "boolean", "time", "list")
TRAIT_KINDS = ("count", "sum", "min", "max", "first", "last", "distinct")

_TOPIC = Text(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}", "a topic's name")

_MAP = Record(
    "a map",
    {
        "id": Field(FORMULA),
        "type": Field(FORMULA, is_required=True),
        "time": Field(FORMULA, is_required=True),
        "identifiers": Field(VARIABLES),
        "attributes": Field(FORMULAS),
    },
)
_IN = Record(
    "a channel's in",
    {"topic": Field(_TOPIC), "format": Field(Choice(FORMATS, "format")), "map": Field(_MAP)},
)
_OUT = Record(
    "a channel's out", {"address": Field(NAMED, is_required=True), "topic": Field(_TOPIC)}
)
_CHANNEL = Record("a channel", {"in": Field(_IN), "out": Field(_OUT)})

_IDENTIFIER = Record(
    "an identifier",
    {
        "type": Field(NAMED, is_required=True),
        "limit": Field(COUNT),
        "per": Field(DURATION),
        "normalise": Field(Choice(("email", "phone"), "normal form")),
        "shared_after": Field(COUNT),
        "of": Field(NAMED),
    },
)
_IDENTITY = Record(
    "identity",
    {
        "identifiers": Field(Many(_IDENTIFIER, fewest=1), is_required=True),
        "blocked": Field(Many(Loose())),
    },
)

_FACT = Record(
    "a fact",
    {
        "type": Field(Choice(FACT_TYPES, "type of facts"), is_required=True),
        "default": Field(Anything()),
    },
    short="type",
)
_TRAIT = Record(
    "a trait",
    {
        "count": Field(EVENT_TYPES),
        **{kind: Field(FORMULA) for kind in TRAIT_KINDS if kind != "count"},
        "on": Field(EVENT_TYPES),
        "when": Field(CONDITION),
        "per": Field(DURATION),
        "keep": Field(COUNT),
    },
    one_of=TRAIT_KINDS,
)
_PROFILE = Record(
    "a profile",
    {"facts": Field(MapOf(NAMED, _FACT)), "traits": Field(MapOf(NAMED, _TRAIT))},
)

_CASES = Many(Record("a case rule", KEYED, named="case_rule"))
_SERVICE = Record("service", {"opened": Field(_CASES), "closed": Field(_CASES)})

TOPOLOGY = Record(
    "a topology",
    {
        "topology": Field(NAMED, is_required=True),
        "about": Field(TEXT),
        "timezone": Field(TEXT),
        "region": Field(Text("[A-Z]{2}", "a region, as DE")),
        "dedupe": Field(DURATION),
        "grace": Field(DURATION),
        "max_late": Field(DURATION),
        "channels": Field(MapOf(NAMED, _CHANNEL, fewest=1), is_required=True),
        "identity": Field(_IDENTITY, is_required=True),
        "profile": Field(_PROFILE),
        "service": Field(_SERVICE),
    },
)
