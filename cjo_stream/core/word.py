"""The words of the language that stand for themselves: each set of them stands here alone.

The grammar, the JSON Schemas, the code that acts by a word and the documentation are drawn from
these. A word that is none of its set is an error wherever it is read, never a default. Members are
texts, so that they are written, compared and stored as the words they are.
"""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """The form of a channel's raw records."""

    NATIVE = "native"
    SEGMENT = "segment"
    CLOUDEVENTS = "cloudevents"
    MAPPED = "mapped"


class NormalForm(StrEnum):
    """How values of an identifier type are made comparable, beyond what is done to every text."""

    EMAIL = "email"
    PHONE = "phone"


class FactType(StrEnum):
    """The type of a fact's values."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    LIST = "list"


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


class Reentry(StrEnum):
    """When a journey may be entered again (per key)."""

    AFTER_END = "after_end"
    AFTER_ENTRY = "after_entry"
    NEVER = "never"
    ALWAYS = "always"


class Past(StrEnum):
    """What an `at` timer does whose time is past when its state is entered."""

    FIRE = "fire"
    SKIP = "skip"


class ActionClass(StrEnum):
    """What an action is to the customer; gates depend on it."""

    MARKETING = "marketing"
    SERVICE = "service"
    TRANSACTIONAL = "transactional"


HELD_BACK = frozenset(ActionClass) - {ActionClass.TRANSACTIONAL}
"""The classes that the policy may keep back."""


class Outcome(StrEnum):
    """What came of a command, as a channel reports it."""

    DELIVERED = "delivered"
    IMPRESSION = "impression"
    CLICK = "click"
    ACCEPT = "accept"
    REJECT = "reject"
    FAILED = "failed"
    CONVERTED = "converted"


OFFERED = "offered"
"""Of a limit: the command itself, whatever comes of it."""


class Consent(StrEnum):
    """What a class asks of customers: to have said yes, or not to have said no."""

    OPT_IN = "opt_in"
    OPT_OUT = "opt_out"


class ConsentStatus(StrEnum):
    """What a customer says of a purpose."""

    GRANTED = "granted"
    DENIED = "denied"
    REVOKED = "revoked"


class Period(StrEnum):
    """A calendar period, in the customer's time zone."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Then(StrEnum):
    """What quiet hours do to a request."""

    DELAY = "delay"
    DROP = "drop"
