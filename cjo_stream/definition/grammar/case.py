"""The form of a case in a test file (docs/testing.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from cjo_stream.core import record
from cjo_stream.core.decision.gate import ENDED, GATES
from cjo_stream.core.duration import parse_duration
from cjo_stream.core.expression.zone import read_timestamp
from cjo_stream.core.word import ConsentStatus
from cjo_stream.definition.code import Code
from cjo_stream.definition.grammar.compound import Field, Many, MapOf, Record, ScalarOr
from cjo_stream.definition.grammar.item import Item, Schema, Shape, refuse
from cjo_stream.definition.grammar.scalar import (
    EVENT_TYPE,
    Anything,
    Choice,
    Duration,
    Flag,
    Loose,
    Number,
    Text,
)
from cjo_stream.definition.grammar.word import CLASS, COUNT, NAMED, TEXT
from cjo_stream.definition.text.node import Node, Scalar
from cjo_stream.definition.text.report import Report, quoted

LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""
_WHEN: Final = "a time, as 2026-03-02T10:00:00Z"


@dataclass(frozen=True)
class Moment:
    """A time with an offset, or ms since the epoch; ms."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return ms."""
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, str | int):
            return refuse(node, report, _WHEN)
        time = read_timestamp(value) if isinstance(value, str) else value
        if time is None:
            report.error(node, Code.FORM, f"{quoted(str(value))} is not {_WHEN}")
            return None
        if not 0 < time <= LATEST_MS:
            report.error(node, Code.RANGE, "a time is between 1970 and 9999")
            return None
        return Item(node, time)

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a schema of strings and whole numbers."""
        return {"type": ["string", "integer"]}


@dataclass(frozen=True)
class Advance:
    """A duration, or a time. Its value is (duration in ms, None) or (None, time in ms)."""

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the duration or the time."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            time = read_timestamp(node.value)
            if time is not None:
                return Item(node, (None, time))
            if node.text.startswith("-"):
                report.error(node, Code.RANGE, "time only moves forward: write a duration, as 30m")
                return None
            try:
                parse_duration(node.text)
            except ValueError as error:
                message = f"{quoted(node.text)}: {error}; or {_WHEN}"
                report.error(node, Code.FORM, message)
                return None
        read = Duration().read(node, report)
        return None if read is None else Item(node, (read.value, None))

    def schema(self, _: dict[str, Schema], /) -> Schema:
        """Return a string's schema."""
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True)
class OrNull:
    """A shape, or nothing."""

    of: Shape

    def read(self, node: Node, report: Report) -> Item | None:
        """Return the item of the shape; its value is None if nothing is written."""
        if isinstance(node, Scalar) and node.value is None and node.style is None:
            return Item(node, None)
        return self.of.read(node, report)

    def schema(self, shared: dict[str, Schema], /) -> Schema:
        """Return either's schema."""
        return {"anyOf": [self.of.schema(shared), {"type": "null"}]}


ANY: Final = Anything()
_IDENTIFIERS = MapOf(NAMED, Many(Loose(), fewest=1), fewest=1)
_WHO = ScalarOr(NAMED, _IDENTIFIERS)
_VALUES = MapOf(TEXT, ANY)
_CUSTOMER = Field(
    _WHO, "Whose: a name from `customers`, or identifiers as {email: a@example.com}."
)

_CONSENT = Record(
    "a statement of consent",
    {
        "purpose": Field(TEXT, "The purpose, such as marketing.", is_required=True),
        "channel": Field(TEXT, "The channel; `*` for all. Default: *."),
        "status": Field(
            Choice(tuple(ConsentStatus), "consent status"),
            "What the customer said.",
            is_required=True,
        ),
    },
)
_GIVEN = Record(
    "what is given",
    {
        "profile": Field(_VALUES, "Facts of the profile, by name."),
        "consent": Field(Many(_CONSENT), "Statements of consent."),
    },
)
_EVENT = Record(
    "an event",
    {
        "type": Field(
            Text(EVENT_TYPE, "an event type"), "The type of the event.", is_required=True
        ),
        "customer": Field(NAMED, "Who: a name from `customers`, whose identifiers it gets."),
        "identifiers": Field(_IDENTIFIERS, "Identifiers, by type; added to those of `customer`."),
        "channel": Field(
            NAMED, "The channel. May be left out where only one channel takes events."
        ),
        "attributes": Field(_VALUES, "Attributes, by name."),
        "time": Field(Moment(), "When it happened. Default: the clock of the test."),
        "id": Field(TEXT, "The producer's id; an id seen before is dropped."),
    },
)
_RECORD = Record(
    "a record",
    {
        "channel": Field(
            NAMED, "The channel. May be left out where only one channel takes events."
        ),
        "value": Field(
            ANY, "What the producer sends, in the format of the channel.", is_required=True
        ),
        "time": Field(
            Moment(), "The record's timestamp, as on Kafka. Default: the clock of the test."
        ),
    },
)
_ROW = {
    "action": Field(NAMED, "The action's name."),
    "channel": Field(NAMED, "The channel of the message."),
    "journey": Field(NAMED, "The journey that asked."),
    "state": Field(NAMED, "The state whose step asked."),
    "customer": _CUSTOMER,
}
_AT = Field(Moment(), "When it happened.")
_FACTOR = Number()
ROWS: Final[dict[str, Record]] = {
    "actions": Record(
        "a message that was sent",
        {
            **_ROW,
            "template": Field(TEXT, "The template of the treatment."),
            "payload": Field(_VALUES, "Values of the payload, by name; others are not compared."),
            "class": Field(CLASS, "The action's class."),
            "issue": Field(NAMED, "The action's issue."),
            "group": Field(NAMED, "The action's group."),
            "address": Field(Loose(), "The value by which the channel reaches the customer."),
            "at": Field(Moment(), "When it was sent."),
            "expires": Field(Moment(), "When it lapses."),
        },
        short="action",
    ),
    "suppressed": Record(
        "a choice that was not sent",
        {
            **_ROW,
            "why": Field(
                Choice(get_args(record.Suppressed), "reason"),
                "`shadow`: the journey runs in shadow. `holdout`: the customer is held out of it.",
            ),
            "at": _AT,
        },
        short="action",
    ),
    "not_sent": Record(
        "a candidate that was stopped",
        {
            **_ROW,
            "gate": Field(
                Choice((*(gate.name for gate in GATES), ENDED), "gate"),
                "The first gate that stopped it.",
            ),
            "rule": Field(Loose(), "The rule of that gate, as in the decision record."),
            "until": Field(Moment(), "When the request, which waits, is decided again."),
            "at": _AT,
        },
        short="action",
    ),
    "priorities": Record(
        "a candidate that passed every gate",
        {
            **_ROW,
            "priority": Field(_FACTOR, "P x C x V x L, to as many decimals as are written."),
            "P": Field(_FACTOR, "The propensity."),
            "C": Field(_FACTOR, "1 plus the weights of the context."),
            "V": Field(_FACTOR, "The value of an acceptance."),
            "L": Field(_FACTOR, "1 plus the levers."),
        },
        short="action",
    ),
    "transitions": Record(
        "a change of state",
        {
            "journey": Field(NAMED, "The journey's name."),
            "from": Field(OrNull(NAMED), "The state that was left; null at an entry."),
            "to": Field(OrNull(NAMED), "The state that was entered; null at an exit."),
            "reason": Field(Choice(get_args(record.Reason), "reason"), "The kind of change."),
            "outcome": Field(OrNull(NAMED), "The outcome; null while the instance goes on."),
            "key": Field(ANY, "The instance's key."),
            "version": Field(COUNT, "The version of the journey."),
            "holdout": Field(Flag(), "Whether the customer is held out of the journey."),
            "at": _AT,
            "customer": _CUSTOMER,
        },
        short="to",
    ),
    "refused": Record(
        "a refused event",
        {
            "reason": Field(NAMED, "Why it was refused: the reason of the dead letter."),
            "detail": Field(TEXT, "The detail of the dead letter."),
        },
        short="reason",
    ),
}
"""The parts of an expectation that are lists of records."""

EXPECT: Final = Record(
    "an expectation",
    {
        "customer": Field(
            _WHO,
            "Whom it looks at: a name from `customers`, or identifiers. Default: everybody.",
        ),
        "state": Field(
            MapOf(NAMED, OrNull(Many(NAMED, fewest=1)), fewest=1),
            "States by journey: where the customer is, or the final state in which the journey "
            "ended; null: not in it; of several instances a list, the oldest first.",
        ),
        "actions": Field(
            Many(ROWS["actions"]), "Every message that was sent, in order; `[]`: none was."
        ),
        "suppressed": Field(
            Many(ROWS["suppressed"]),
            "Every choice that shadow or a journey's holdout held back; `[]`: none was.",
        ),
        "not_sent": Field(
            Many(ROWS["not_sent"]),
            "Candidates that a gate stopped, others are not compared; `[]`: none was stopped.",
        ),
        "priorities": Field(
            Many(ROWS["priorities"], fewest=1),
            "Candidates that passed every gate, the highest priority first; others are not "
            "compared.",
        ),
        "transitions": Field(
            Many(ROWS["transitions"]),
            "Every change of state of the journeys that are named, in order; `[]`: none of any.",
        ),
        "refused": Field(Many(ROWS["refused"]), "Every event that was refused; `[]`: none was."),
        "profile": Field(
            MapOf(NAMED, ANY, fewest=1),
            "Facts and traits by name, as expressions read them; null: missing.",
        ),
        "identifiers": Field(
            MapOf(NAMED, Many(Loose()), fewest=1),
            "All identifiers of the customer of these types; `[]`: none.",
        ),
        "data": Field(
            MapOf(NAMED, MapOf(NAMED, ANY, fewest=1), fewest=1),
            "Variables by journey: of the instance that entered last; null: missing.",
        ),
    },
)
_STEP = Record(
    "a step of a case",
    {
        "event": Field(_EVENT, "Send an event."),
        "record": Field(
            _RECORD,
            "Send a raw record, which becomes events by the format or `map` of its channel.",
        ),
        "advance": Field(Advance(), "Move time on: by a duration, as 30m, or to a time."),
        "apply": Field(
            TEXT,
            "Put other definitions in force: their folder, relative to the test file. It must "
            "stand outside of the topology's own folder.",
        ),
        "expect": Field(
            OrNull(EXPECT), "Compare what came since the last expectation, and how things stand."
        ),
    },
    one_of=("event", "record", "advance", "apply", "expect"),
)
CASE: Final = Record(
    "a case",
    {
        "test": Field(TEXT, "What the case shows, in a sentence: its name.", is_required=True),
        "at": Field(Moment(), "Where the clock of the test stands at first.", is_required=True),
        "customers": Field(
            MapOf(NAMED, _IDENTIFIERS, fewest=1),
            "Names for the customers of the case, with their identifiers.",
        ),
        "given": Field(
            _GIVEN, "What holds for each customer of the case before the first event of it."
        ),
        "steps": Field(
            Many(_STEP, fewest=1), "Events, time that passes, expectations.", is_required=True
        ),
    },
)
