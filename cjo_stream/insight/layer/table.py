"""The tables of the layer: columns, and the rows that one record gives.

A column is named as in the record (docs/records.md). What a record nests is drawn out (`journey`,
`state`), or kept as JSON. Each row has the place of its record: `lane` and `position`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import msgspec

from cjo_stream.core.catalogue import (
    ACTION,
    DECISION,
    IDENTITY,
    MEASURE,
    PREDICTION,
    PROFILE,
    REWARD,
    TRANSITION,
    RecordKind,
)
from cjo_stream.core.record import (
    Action,
    Candidate,
    Decision,
    IdentityChange,
    JourneyRef,
    Measure,
    Prediction,
    Profile,
    Reward,
    Transition,
)

Row = tuple[Any, ...]
Type = Literal["text", "integer", "number", "flag", "json", "texts"]
PLACE: Final[dict[str, Type]] = {"lane": "text", "position": "integer"}

EACH: Final = ""
"""The name of the list in a row."""
INTERNED_MAX: Final = 20_000
"""Candidates that are remembered, by their JSON."""

_json: Final = msgspec.json.Encoder(order="deterministic").encode


class Table:
    """A table; `at` is the column with the time of a row, in ms, by which it has its day.

    `each` are columns in whose place a row has a list of structs, each of which is stored as a
    row of its own. `row` names what a row has in its order, that list as `EACH`.
    """

    def __init__(
        self, name: str, at: str, columns: dict[str, Type], each: Sequence[str] = ()
    ) -> None:
        self.name = name
        self.each = each
        self.at = at
        self.columns = columns
        self.places = {column: place for place, column in enumerate(columns)}
        """Of each column, its place in a row."""
        self.each_place = self.places[each[0]] if each else 0
        others = (EACH if one in each[:1] else one for one in columns if one not in each[1:])
        self.row: Sequence[str] = (*others, *(PLACE if at else ()))


class Source(NamedTuple):
    """A kind of record: how its JSON is read, and the rows that it gives, by table."""

    kind: RecordKind
    decode: Callable[[bytes], Any]
    rows: Callable[[Any], Iterator[tuple[Table, Row]]]


TRANSITIONS: Final = Table(
    "transition",
    "time",
    {
        "transition_id": "text", "customer_id": "text", "journey": "text", "version": "integer",
        "instance_id": "text", "key": "text", "from": "text", "to": "text", "reason": "text",
        "outcome": "text", "time": "integer", "trigger_kind": "text", "trigger_type": "text",
        "holdout": "flag",
    },
)  # fmt: skip
ACTIONS: Final = Table(
    "action",
    "issued_at",
    {
        "action_id": "text", "topology": "text", "customer_id": "text", "channel": "text",
        "action": "text", "issue": "text", "group": "text", "class": "text",
        "template": "text", "payload": "json", "issued_at": "integer", "expires_at": "integer",
        "decision_id": "text", "journey": "text", "version": "integer", "instance_id": "text",
        "state": "text",
    },
)  # fmt: skip
DECISIONS: Final = Table(
    "decision",
    "time",
    {
        "decision_id": "text", "customer_id": "text", "time": "integer", "trigger_kind": "text",
        "journey": "text", "version": "integer", "instance_id": "text", "state": "text",
        "action": "text", "channel": "text", "suppressed": "text", "probability": "number",
        "deferred_until": "integer", "model_version": "integer",
    },
)  # fmt: skip
CANDIDATES: Final = Table(
    "candidate",
    "time",
    {
        "decision_id": "text", "customer_id": "text", "time": "integer", "journey": "text",
        "instance_id": "text", "action": "text", "channel": "text", "gate": "text",
        "rule": "text", "P": "number", "C": "number", "V": "number", "L": "number",
        "priority": "number",
    },
    ("action", "channel", "gate", "rule", "P", "C", "V", "L", "priority"),
)  # fmt: skip
OUTCOMES: Final = Table(
    "outcome",
    "time",
    {
        "decision_id": "text", "action_id": "text", "customer_id": "text", "action": "text",
        "channel": "text", "outcome": "text", "value": "number", "reward": "integer",
        "probability": "number", "issued_at": "integer", "time": "integer",
    },
)  # fmt: skip
PREDICTIONS: Final = Table(
    "prediction",
    "time",
    {
        "prediction_id": "text", "customer_id": "text", "predict": "text", "definition": "text",
        "probability": "number", "model_version": "integer", "outcome": "integer",
        "opened_at": "integer", "time": "integer",
    },
)  # fmt: skip
MEASURES: Final = Table(
    "measure",
    "time",
    {
        "customer_id": "text", "measure": "text", "value": "number", "time": "integer",
        "event_id": "text", "trigger_kind": "text", "trigger_type": "text", "journey": "text",
        "version": "integer", "instance_id": "text", "state": "text",
    },
)  # fmt: skip
IDENTITIES: Final = Table(
    "identity",
    "time",
    {
        "kind": "text", "customer_id": "text", "absorbed": "texts", "identifiers": "texts",
        "event_id": "text", "reason": "text", "time": "integer",
    },
)  # fmt: skip
EVENTS: Final = Table(
    "event",
    "time",
    {
        "id": "text", "type": "text", "channel": "text", "time": "integer",
        "identifiers": "texts", "identifiers_number": "integer", "received": "integer",
        "attributes": "json",
    },
)  # fmt: skip
PROFILES: Final = Table(
    "profile",
    "time",
    {"customer_id": "text", "time": "integer", "facts": "json", "traits": "json"},
)
PRESENT: Final = Table("present", "", {"customer_id": "text", "present": "text"})
"""The present customer of an id that was absorbed."""
MOVED: Final = Table("moved", "", {"instance_id": "text", "present": "text"})
"""The present customer of an instance that an unmerge moved."""
HOLDERS: Final = Table("holder", "", {"identifier": "text", "present": "text"})
"""The present customer of an identifier."""
FORGOTTEN: Final = Table("forgotten", "", {"hash": "text", "until": "integer"})
"""The hash of an identifier that an erased customer had, and the time of the erasure, ms."""
STAYED: Final = Table(
    "stayed",
    "",
    {
        "journey": "text", "version": "integer", "instance_id": "text", "customer_id": "text",
        "key": "text", "state": "text", "since": "integer", "until": "integer", "reason": "text",
        "holdout": "flag", "before": "text", "next": "text", "outcome": "text", "left_id": "text",
        "reached": "integer", "times": "integer",
    },
)  # fmt: skip
"""The stays of instances, as far as they are kept (`insight/filling/stays`)."""
STORED: Final = (
    TRANSITIONS,
    ACTIONS,
    DECISIONS,
    CANDIDATES,
    OUTCOMES,
    PREDICTIONS,
    MEASURES,
    IDENTITIES,
    EVENTS,
    PROFILES,
)
DRAWN: Final = (PRESENT, MOVED, HOLDERS, FORGOTTEN)
"""Tables that are drawn anew from others with each manifest; they have no place and no day."""
TABLES: Final = {one.name: one for one in (*STORED, *DRAWN, STAYED)}


def _transition(one: Transition) -> Iterator[tuple[Table, Row]]:
    yield TRANSITIONS, (
        one.transition_id, one.customer_id, one.journey, one.version, one.instance_id,
        _text(one.key), one.from_, one.to, one.reason, one.outcome, one.time, one.trigger.kind,
        one.trigger.type, one.holdout,
    )  # fmt: skip


def _action(one: Action) -> Iterator[tuple[Table, Row]]:
    yield ACTIONS, (
        one.action_id, one.topology, one.customer_id, one.channel, one.action, one.issue,
        one.group, one.class_, one.template,
        _json(one.payload).decode(), one.issued_at, one.expires_at, one.decision_id,
        *_journey(one.journey),
    )  # fmt: skip


_DecisionLine = msgspec.defstruct(
    "_DecisionLine", [("candidates", list[msgspec.Raw])], bases=(Decision,), kw_only=True
)
"""A decision whose candidates are not read yet."""


def _decision(one: Any) -> Iterator[tuple[Table, Row]]:
    candidates = list(map(_candidate, map(bytes, one.candidates)))
    chosen = one.chosen
    journey = _journey(one.journey)
    yield DECISIONS, (
        one.decision_id, one.customer_id, one.time, one.trigger.kind, *journey,
        chosen and chosen.action, chosen and chosen.channel, one.suppressed, one.probability,
        one.deferred_until, one.model_version,
    )  # fmt: skip
    if candidates:
        yield CANDIDATES, (
            one.decision_id, one.customer_id, one.time, journey[0], journey[2], candidates,
        )  # fmt: skip


@lru_cache(INTERNED_MAX)
def _candidate(text: bytes) -> Candidate:
    """Return a candidate. Most, such as those that a gate stopped, are in many decisions."""
    return _decode_candidate(text)


_decode_candidate: Final = msgspec.json.Decoder(Candidate).decode


def _reward(one: Reward) -> Iterator[tuple[Table, Row]]:
    yield OUTCOMES, (
        one.decision_id, one.action_id, one.customer_id, one.action, one.channel, one.outcome,
        one.value, one.reward, one.probability, one.issued_at, one.time,
    )  # fmt: skip


def _prediction(one: Prediction) -> Iterator[tuple[Table, Row]]:
    yield PREDICTIONS, (
        one.prediction_id, one.customer_id, one.predict, one.definition, one.probability,
        one.model_version, one.outcome, one.opened_at, one.time,
    )  # fmt: skip


def _measure(one: Measure) -> Iterator[tuple[Table, Row]]:
    yield MEASURES, (
        one.customer_id, one.measure, one.value, one.time, one.trigger.id, one.trigger.kind,
        one.trigger.type, one.journey, one.version, one.instance_id, one.state,
    )  # fmt: skip


def identity_rows(one: IdentityChange) -> Iterator[tuple[Table, Row]]:
    """Yield the row of an identity change."""
    yield IDENTITIES, (
        one.kind, one.customer_id, one.absorbed,
        [f"{named.type}:{named.value}" for named in one.identifiers], one.event_id, one.reason,
        one.time,
    )  # fmt: skip


def _profile(one: Profile) -> Iterator[tuple[Table, Row]]:
    yield PROFILES, (
        one.customer_id, one.time, _json(one.facts).decode(), _json(one.traits).decode(),
    )  # fmt: skip


def _journey(one: JourneyRef | None) -> tuple[str | None, int | None, str | None, str | None]:
    if one is None:
        return None, None, None, None
    return one.name, one.version, one.instance_id, one.state


def _text(value: Any) -> str | None:
    """Return a key as text: as it is, or as JSON if it is no text."""
    return value if value is None or isinstance(value, str) else _json(value).decode()


SOURCES: Final = (
    Source(IDENTITY, msgspec.json.Decoder(IdentityChange).decode, identity_rows),
    Source(TRANSITION, msgspec.json.Decoder(Transition).decode, _transition),
    Source(DECISION, msgspec.json.Decoder(_DecisionLine).decode, _decision),
    Source(ACTION, msgspec.json.Decoder(Action).decode, _action),
    Source(REWARD, msgspec.json.Decoder(Reward).decode, _reward),
    Source(PROFILE, msgspec.json.Decoder(Profile).decode, _profile),
    Source(PREDICTION, msgspec.json.Decoder(Prediction).decode, _prediction),
    Source(MEASURE, msgspec.json.Decoder(Measure).decode, _measure),
)
