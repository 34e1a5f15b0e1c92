"""The fixed words of the language: each set of them is defined here, and only here.

The grammar, the JSON Schemas, the documentation and the code that interprets a word all use these
enums. An unknown word is an error wherever it is read, never a default. Members are texts, so they
are written, compared and stored as they are.
"""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The form of a channel's raw records."""

    NATIVE = "native"
    SEGMENT = "segment"
    CLOUDEVENTS = "cloudevents"
    MAPPED = "mapped"
    DEBEZIUM = "debezium"

    @property
    def has_map(self) -> bool:
        """Whether a `map` says how a record becomes an event."""
        return self in (Format.MAPPED, Format.DEBEZIUM)


class Skipped(StrEnum):
    """Why a record of a format is no event, although nothing is wrong with it."""

    TOMBSTONE = "tombstone"
    """It has no value: the row was deleted, which a record before it has said."""
    HEARTBEAT = "heartbeat"
    TRANSACTION = "transaction"
    """The beginning or the end of one."""
    SCHEMA_CHANGE = "schema_change"
    MESSAGE = "message"
    """Written into the database's log beside the tables."""


class Codec(StrEnum):
    """How the records of a schema registry are written."""

    AVRO = "avro"
    PROTOBUF = "protobuf"
    JSON = "json"


class ArchiveForm(StrEnum):
    """The form of the files in which intake archives events."""

    JSONL = "jsonl"
    PARQUET = "parquet"


class CommandFormat(StrEnum):
    """The form of a channel's commands on their topic."""

    JSON = "json"
    AVRO = "avro"
    """By a schema that is registered; in Confluent's wire format, as JSON_SCHEMA is."""
    JSON_SCHEMA = "json_schema"


class Unread(StrEnum):
    """Why an expression could not use a value that was there."""

    TYPE = "type"
    """Of the wrong type, as a text compared with a number."""
    VALUE = "value"
    """A text that is no number, time or duration; a time that is none."""
    SECONDS = "seconds"
    """A number of seconds where ms are wanted: it was used, as ms."""


class NormalForm(StrEnum):
    """How values of an identifier type are normalised, in addition to the rules for every text."""

    EMAIL = "email"
    PHONE = "phone"


class Ignored(StrEnum):
    """Why a value of an event names nobody."""

    UNDECLARED = "undeclared"
    """The topology has no identifier of its type."""
    BLOCKED = "blocked"
    """It is a placeholder, built in or of the topology."""
    UNUSABLE = "unusable"
    """It has no normal form: it is no address, no number, too long, or has lost a character."""
    AMBIGUOUS = "ambiguous"
    """It may stand for more than one value: a phone number without its prefix, a rounded float."""


class FactType(StrEnum):
    """The type of a fact's values."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    LIST = "list"


class AttributeType(StrEnum):
    """The type of an attribute's values, as `events` declares it."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    LIST = "list"
    OBJECT = "object"


class Undeclared(StrEnum):
    """What of an event `events` does not declare."""

    TYPE = "type"
    """Its type."""
    ATTRIBUTE = "attribute"
    """An attribute of a declared type."""
    VALUE = "value"
    """The value of a declared attribute is of another type."""


class TraitKind(StrEnum):
    """How a trait sums up events."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"
    DISTINCT = "distinct"


class Status(StrEnum):
    """A journey's lifecycle."""

    LIVE = "live"
    DRAFT = "draft"
    SHADOW = "shadow"
    PAUSED = "paused"
    DRAINING = "draining"
    RETIRED = "retired"


class Migrate(StrEnum):
    """What becomes of instances of other versions when a version comes into force."""

    DRAIN = "drain"
    FOLLOW = "follow"
    EXIT = "exit"


class CanaryEnd(StrEnum):
    """What becomes of a guarded canary that no guard has stopped."""

    PROMOTE = "promote"
    HOLD = "hold"
    BACK = "back"


class Metric(StrEnum):
    """What a guard compares, beside traits."""

    GOAL_RATE = "goal_rate"
    EXIT_RATE = "exit_rate"
    UNSUBSCRIBE_RATE = "unsubscribe_rate"
    DEAD_LETTERS = "dead_letters"


class Switch(StrEnum):
    """What is recorded of a kind of records."""

    ON = "on"
    OFF = "off"
    DECIDE = "decide"
    """Decisions of `decide` alone, in which candidates compete."""


class Approval(StrEnum):
    """What a change must be of to need a team's approval."""

    CAPS = "caps"
    LIMITS = "limits"
    QUIET_HOURS = "quiet_hours"
    CONSENT = "consent"
    LEVERS = "levers"
    HOLDOUT = "holdout"
    IDENTITY = "identity"
    PROFILE = "profile"
    CHANNELS = "channels"
    OWNERS = "owners"
    JOURNEYS = "journeys"
    ACTIONS = "actions"
    MEASURES = "measures"
    POLICY = "policy"
    TOPOLOGY = "topology"


class Per(StrEnum):
    """What a measure's records are of."""

    CUSTOMER = "customer"
    JOURNEY = "journey"
    STATE = "state"


class Reentry(StrEnum):
    """When a journey may be entered again (per key)."""

    AFTER_END = "after_end"
    AFTER_ENTRY = "after_entry"
    NEVER = "never"
    ALWAYS = "always"


class Past(StrEnum):
    """The behaviour of an `at` timer whose time is past when its state is entered."""

    FIRE = "fire"
    SKIP = "skip"


class ActionClass(StrEnum):
    """The purpose of an action; gates depend on it."""

    MARKETING = "marketing"
    SERVICE = "service"
    TRANSACTIONAL = "transactional"


HELD_BACK = frozenset(ActionClass) - {ActionClass.TRANSACTIONAL}
"""The classes that consent, service cases and quiet hours may stop."""


class Outcome(StrEnum):
    """The outcome of a command, as a channel reports it."""

    DELIVERED = "delivered"
    IMPRESSION = "impression"
    CLICK = "click"
    ACCEPT = "accept"
    REJECT = "reject"
    FAILED = "failed"
    CONVERTED = "converted"


OFFERED = "offered"
"""For a limit: every command counts, whatever its outcome."""


class Consent(StrEnum):
    """The consent that a class needs: a grant (`opt_in`), or no refusal (`opt_out`)."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"


class ConsentStatus(StrEnum):
    """A customer's statement about a purpose."""

    GRANTED = "granted"
    DENIED = "denied"
    REVOKED = "revoked"


class Period(StrEnum):
    """A calendar period, in the customer's time zone."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Then(StrEnum):
    """The effect of quiet hours on a request."""

    DELAY = "delay"
    DROP = "drop"
