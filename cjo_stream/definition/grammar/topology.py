"""The form of a `topology` document (docs/topology.md)."""

from __future__ import annotations

from cjo_stream.core.word import (
    Approval,
    AttributeType,
    Codec,
    CommandFormat,
    FactType,
    Format,
    NormalForm,
    Switch,
    TraitKind,
)
from cjo_stream.definition.grammar.compound import Field, Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.scalar import (
    EVENT_TYPE,
    Anything,
    Choice,
    Loose,
    Number,
    OnOff,
    Text,
)
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

_TOPIC = Text(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}", "a topic's name")

_MAP = Record(
    "a map",
    {
        "id": Field(
            FORMULA, "The event's own id. Default: the record's place in the topic or file."
        ),
        "type": Field(FORMULA, "The event's type; missing: no event.", is_required=True),
        "time": Field(
            FORMULA,
            "When it happened: RFC 3339, or ms since the epoch; `timestamp(…)` reads other forms.",
            is_required=True,
        ),
        "identifiers": Field(VARIABLES, "Identifiers by type."),
        "attributes": Field(FORMULAS, "Attributes by name."),
        "each": Field(
            FORMULA, "A list in the row: one event an element, which expressions read as `item`."
        ),
    },
)
_IN = Record(
    "a channel's in",
    {
        "topic": Field(_TOPIC, "The topic of the events. Default: cjo.event.CHANNEL.v1."),
        "format": Field(
            Choice(tuple(Format), "format"), "The form of the records. Default: native."
        ),
        "registry": Field(
            Choice(tuple(Codec), "codec"),
            "The topic's records are written by the schemas of a registry, in Confluent's wire "
            "format: they are decoded first, to what `format` reads. Default: they are not.",
        ),
        "map": Field(
            Many(_MAP, fewest=1),
            "Expressions over `row` that make an event, or a list of such maps: several events a "
            "row; of formats `mapped` and `debezium` alone.",
        ),
    },
)
_OUT = Record(
    "a channel's out",
    {
        "address": Field(
            NAMED, "The identifier type by which the channel reaches customers.", is_required=True
        ),
        "format": Field(
            Choice(tuple(CommandFormat), "format of commands"),
            "The form of the commands: plain JSON, or `avro` or `json_schema` by a schema that is "
            "registered, in Confluent's wire format. Default: json.",
        ),
        "topic": Field(_TOPIC, "The topic of the commands. Default: cjo.action.CHANNEL.v1."),
    },
)
_CHANNEL = Record(
    "a channel",
    {
        "in": Field(_IN, "Events come in by this channel. `{}` takes the defaults."),
        "out": Field(_OUT, "Commands go out by this channel."),
    },
)

_IDENTIFIER = Record(
    "an identifier",
    {
        "type": Field(NAMED, "The identifier type's name.", is_required=True),
        "limit": Field(COUNT, "How many of this type one customer may have. Default: 5."),
        "per": Field(
            DURATION, "Only links made within this time count for the limit. Default: all."
        ),
        "normalise": Field(
            Choice(tuple(NormalForm), "normal form"),
            "How values are normalised. Default: Unicode's NFKC, without surrounding blanks.",
        ),
        "shared_after": Field(
            COUNT,
            "A value seen with more values of `of` than this no longer links. Default: never.",
        ),
        "of": Field(
            NAMED, "The identifier type that `shared_after` counts. Default: the strongest."
        ),
    },
)
_BLOCKED = Record(
    "a blocked value",
    {
        "type": Field(NAMED, "The identifier type. Default: every type."),
        "value": Field(Loose(), "The blocked value."),
        "pattern": Field(
            TEXT, "A regular expression (RE2) for a part of the value, or with ^ and $ for all."
        ),
    },
)
_IDENTITY = Record(
    "identity",
    {
        "identifiers": Field(
            Many(_IDENTIFIER, fewest=1), "Identifier types, the strongest first.", is_required=True
        ),
        "blocked": Field(
            Many(ScalarOr(Loose(), _BLOCKED)),
            "Values that name nobody, such as `guest`. Case does not matter.",
        ),
    },
)

_FACT = Record(
    "a fact",
    {
        "type": Field(
            Choice(tuple(FactType), "type of facts"),
            "The type of the fact's values.",
            is_required=True,
        ),
        "default": Field(Anything(), "The value that expressions read where none was set."),
    },
    short="type",
)
_TRAIT = Record(
    "a trait",
    {
        "count": Field(EVENT_TYPES, "The number of events of these types."),
        "sum": Field(FORMULA, "The sum of an expression's values."),
        "min": Field(FORMULA, "The smallest of an expression's values."),
        "max": Field(FORMULA, "The largest of an expression's values."),
        "first": Field(FORMULA, "An expression's value at the earliest event."),
        "last": Field(FORMULA, "An expression's value at the latest event."),
        "distinct": Field(
            FORMULA, "A list of an expression's different values, in order of first occurrence."
        ),
        "on": Field(EVENT_TYPES, "Event types that the trait listens to."),
        "when": Field(CONDITION, "Only events for which this condition holds."),
        "per": Field(DURATION, "A sliding window. Default: ever."),
        "keep": Field(COUNT, "How many different values are kept, at most 1,000. Default: 50."),
    },
    one_of=tuple(TraitKind),
)
_PROFILE = Record(
    "a profile",
    {
        "facts": Field(
            MapOf(NAMED, _FACT),
            "Values that producers or journeys set, by name: a type, or a mapping.",
        ),
        "traits": Field(
            MapOf(NAMED, _TRAIT), "Values that the engine computes from events, by name."
        ),
    },
)

_CASES = Many(Record("a case rule", KEYED, named="case_rule"))
_SERVICE = Record(
    "service",
    {
        "opened": Field(_CASES, "Events that open a service case."),
        "closed": Field(_CASES, "Events that close it."),
    },
)

_PREDICTION = Record(
    "a prediction",
    {
        "on": Field(
            EVENT_TYPES, "Event types at which is predicted; any of them.", is_required=True
        ),
        "when": Field(CONDITION, "Only at events for which this condition holds."),
        "event": Field(EVENT_TYPES, "It comes true if an event of these types comes."),
        "without": Field(EVENT_TYPES, "It comes true if no event of these types comes."),
        "goal": Field(NAMED, "It comes true if the goal of this journey is reached."),
        "within": Field(DURATION, "The time within which that is so.", is_required=True),
        "prior": Field(
            Number(0, 1),
            "How likely it is before anything is learnt, from 0 to 1.",
            is_required=True,
        ),
        "features": Field(
            Many(FORMULA), "Expressions over the profile that the likelihood may depend on."
        ),
    },
    one_of=("event", "without", "goal"),
)

_EVENTS = MapOf(
    Text(EVENT_TYPE, "an event type"),
    MapOf(TEXT, Choice(tuple(AttributeType), "type of attributes")),
)

_TEAM = Record(
    "a team",
    {
        "paths": Field(
            Many(TEXT),
            "The files that the team may change, as patterns: `*` is a part of a name, `**` any "
            "folders.",
        ),
        "channels": Field(
            Many(NAMED),
            "The channels on which the team's actions may be sent. Default: those of no team.",
        ),
        "levers": Field(
            Number(0),
            "How many percent the levers of the team's actions may be, either way. Default: the "
            "team changes no lever.",
        ),
        "approves": Field(
            Many(Choice(tuple(Approval), "matter of an approval")),
            "The changes that need the team's approval.",
        ),
    },
)

_ON_OFF = OnOff((Switch.ON, Switch.OFF), "switch of records")
_RECORDS = Record(
    "records",
    {
        "transition": Field(_ON_OFF, "The changes of instances' states. Default: on."),
        "decision": Field(
            OnOff(tuple(Switch), "switch of decisions"),
            "The decisions, with every candidate; `decide`: of `decide` alone, none of `act`. "
            "Default: on.",
        ),
        "profile": Field(_ON_OFF, "The customers' latest profiles. Default: on."),
        "reward": Field(_ON_OFF, "What came of commands. Default: on."),
    },
    never={
        "action": "commands are always on: they are what the engine is for",
        "identity": "identity records are always on: by them an erasure finds a person's events",
        "measure": "a measure is its records: take its document away instead",
        "prediction": "predictions learn from their records: take `predict` away instead",
        "dead_letter": "dead letters are always on: what was refused must be seen",
        "governance": "governance records are always on: they say what was switched off",
    },
)

TOPOLOGY = Record(
    "a topology",
    {
        "topology": Field(NAMED, "The topology's name.", is_required=True),
        "about": Field(TEXT, "What the topology is for."),
        "timezone": Field(
            TEXT, "The time zone of customers without a `timezone` fact. Default: UTC."
        ),
        "region": Field(
            Text("[A-Z]{2}", "a region, as DE"),
            "The region of phone numbers without a country code, as DE.",
        ),
        "dedupe": Field(
            DURATION, "How long an event's id is remembered, to drop repeats. Default: 7d."
        ),
        "grace": Field(
            DURATION,
            "How much older than the entry of a state an event may be to still move the instance. "
            "Default: 5m.",
        ),
        "max_late": Field(
            DURATION, "An event older than this changes only the profile. Default: 1d."
        ),
        "channels": Field(
            MapOf(NAMED, _CHANNEL, fewest=1),
            "Where events come in and commands go out, by name.",
            is_required=True,
        ),
        "identity": Field(_IDENTITY, "The identifiers of customers.", is_required=True),
        "events": Field(
            _EVENTS,
            "The event types that come in, each with its attributes and their types. What is not "
            "declared is then an error in definitions, and counted in events.",
        ),
        "profile": Field(_PROFILE, "The facts and traits of customers."),
        "predict": Field(
            MapOf(NAMED, _PREDICTION),
            "What is predicted of customers, by name; expressions read it as `predict.NAME`.",
        ),
        "records": Field(
            _RECORDS,
            "The kinds of records that are made. What is switched off happens all the same, and "
            "nobody can look it up.",
        ),
        "service": Field(_SERVICE, "Service cases: a customer with an open case has a problem."),
        "owners": Field(
            MapOf(NAMED, _TEAM),
            "What each team may change; the rest is the team `central`'s. Without it everybody "
            "may change everything.",
        ),
    },
)
