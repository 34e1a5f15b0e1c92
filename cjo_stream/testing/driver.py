"""Tests a topology end to end: send events at given times, then check actions and states.

    >>> driver = TopologyDriver("topologies/shop")
    >>> ada = {"user_id": "ada", "email": "ada@example.com"}
    >>> driver.send("cjo.consent", at="2026-03-02T09:59:00Z", channel="web", identifiers=ada,
    ...             attributes={"purpose": "marketing", "channel": "*", "status": "granted"})
    >>> driver.send("cart_updated", at="2026-03-02T10:00:00Z", channel="web", identifiers=ada,
    ...             attributes={"cart_id": "c1", "total": 80})
    >>> driver.advance("1h")
    >>> [action["action"] for action in driver.actions()]
    ['cart_reminder']

The driver runs the engine's tasks over an in-memory log; only `send` and `advance` move time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cjo_stream.core.catalogue import (
    ACTION,
    DEAD_LETTER,
    DECISION,
    GOVERNANCE,
    MEASURE,
    PREDICTION,
    PROFILE,
    RECORDS,
    REWARD,
    TRANSITION,
)
from cjo_stream.core.duration import parse_duration
from cjo_stream.core.event import Event, Identifier
from cjo_stream.core.program.program import Program
from cjo_stream.core.record import DeadLetter
from cjo_stream.core.snapshot import snapshot
from cjo_stream.core.state import Customer
from cjo_stream.definition import DefinitionSet, compile_content, heed, load, succeed
from cjo_stream.embedded.log import MemoryLog
from cjo_stream.embedded.runtime import Runtime
from cjo_stream.engine.frame import Effect
from cjo_stream.engine.intake import dead_letter_of, refusal_of
from cjo_stream.engine.port import Compile, Decode, Decoded, RawRecord
from cjo_stream.errors import InputError, UsageError
from cjo_stream.ingest import decoder
from cjo_stream.store.memory import MemoryStore

TENANT_KEY = b"a key for tests"
Row = dict[str, Any]


class TopologyDriver:
    """One topology over an in-memory log; results do not depend on `partitions`."""

    def __init__(
        self,
        topology: str | Path | DefinitionSet,
        partitions: int = 1,
        *,
        compile_: Compile = compile_content,
        content: bytes | None = None,
    ) -> None:
        """Load the topology; raises DefinitionError with all errors of its files.

        For many drivers of one topology: `compile_` returns the program of a stored set, `content`
        is the set as it is stored when nothing was in force before.
        """
        loaded = topology if isinstance(topology, DefinitionSet) else load(Path(topology))
        self._records = _Records()
        self._runtime = Runtime(
            log=MemoryLog(),
            stores=[MemoryStore() for _ in range(partitions)],
            compile_=compile_,
            output=self._records,
        )
        self._number = 0
        self._content: bytes | None = None
        self._offset = 0
        self._now = 0
        self._apply(loaded, content)

    def apply(self, topology: str | Path | DefinitionSet, *, retire: bool = False) -> None:
        """Put another set of definitions in force, at the clock.

        With `retire`, journeys whose files are gone are retired. Raises DefinitionError or
        UsageError if the set may not follow the one in force.
        """
        loaded = topology if isinstance(topology, DefinitionSet) else load(Path(topology))
        self._apply(loaded, retire=retire)

    def _apply(
        self, loaded: DefinitionSet, content: bytes | None = None, *, retire: bool = False
    ) -> None:
        before, runtime = self._content, self._runtime
        if before is not None:
            before = heed(before, runtime.verdicts)
        self._content = content or succeed(loaded, before, runtime.live, retire=retire)
        self._number += 1
        self._runtime.apply(self._number, self._content)
        self._decode = decoder(loaded.program, TENANT_KEY)
        self._decode_native = decoder(_all_native(loaded.program), TENANT_KEY)

    def send(
        self,
        type_: str,
        *,
        at: str | int | dt.datetime,
        channel: str,
        identifiers: Mapping[str, object],
        attributes: Mapping[str, object] | None = None,
        id: str | None = None,  # noqa: A002 - the event's own field
        expect: str | None = None,
    ) -> None:
        """Send one event, in the native form even if its channel has another format.

        `at` is RFC 3339 text, ms since the epoch, or an aware datetime. Raises UsageError if the
        event is refused, unless `expect` is the reason; then it becomes a dead letter.
        """
        value, time = _native(type_, at, channel, identifiers, attributes, id)
        self._process(value, channel, time, self._decode_native, expect)

    def try_send(
        self,
        type_: str,
        *,
        at: str | int | dt.datetime,
        channel: str,
        identifiers: Mapping[str, object],
        attributes: Mapping[str, object] | None = None,
        id: str | None = None,  # noqa: A002 - the event's own field
    ) -> None:
        """Send one event as `send` does; one that is refused becomes a dead letter."""
        value, time = _native(type_, at, channel, identifiers, attributes, id)
        self._take(*self._decoded(value, channel, time, self._decode_native))

    def send_raw(
        self,
        value: bytes,
        *,
        channel: str,
        at: str | int | dt.datetime | None = None,
        expect: str | None = None,
    ) -> None:
        """Send one raw record, in the format of `channel`, with the timestamp `at`.

        Without `at` it has the time of the clock; raises UsageError if nothing has set the clock,
        and if the record is refused, as `send`.
        """
        if at is None and not self.clock:
            raise UsageError("the first record sets the clock: write at='2026-03-01T10:00:00Z'")
        time = self.clock if at is None else _milliseconds(at)
        self._process(value, channel, time, self._decode, expect)

    def try_send_raw(self, value: bytes, *, channel: str, at: int) -> None:
        """Send one raw record as `send_raw` does; one that is refused becomes a dead letter."""
        self._take(*self._decoded(value, channel, at, self._decode))

    def events_of(self, value: bytes, *, channel: str, at: int) -> list[Event]:
        """Return the events that a raw record holds, which is not sent; none if it is refused."""
        _, decoded, _ = self._decoded(value, channel, at, self._decode)
        found = decoded if isinstance(decoded, list) else [decoded]
        return [one for one in found if isinstance(one, Event)]

    def advance(self, by: str) -> None:
        """Advance time by a duration (`30m`, `2d`), firing timers; raises UsageError."""
        try:
            by_ms = parse_duration(by)
        except ValueError as error:
            raise UsageError(f"advance({by!r}): {error}") from None
        self._now = max(self._now, self._runtime.high) + by_ms
        self._runtime.advance(self._now)

    def advance_to(self, at: str | int | dt.datetime) -> None:
        """Advance time to `at`, firing timers."""
        self._now = max(self._now, _milliseconds(at))
        self._runtime.advance(self._now)

    @property
    def program(self) -> Program:
        """The definitions in force, with the verdicts of guards so far."""
        program = self._runtime.tasks[0].program
        assert program is not None
        return program

    @property
    def clock(self) -> int:
        """Where the stream clock stands, ms; 0 before anything has set it."""
        return max(self._now, self._runtime.high)

    def actions(self) -> list[Row]:
        """Return every action command so far, in the order of issue."""
        return self._records.rows[ACTION.name]

    def decisions(self) -> list[Row]:
        """Return every decision record so far."""
        return self._records.rows[DECISION.name]

    def rewards(self) -> list[Row]:
        """Return every reward record so far."""
        return self._records.rows[REWARD.name]

    def predictions(self) -> list[Row]:
        """Return every prediction whose outcome is known so far."""
        return self._records.rows[PREDICTION.name]

    def measures(self) -> list[Row]:
        """Return every measure record so far."""
        return self._records.rows[MEASURE.name]

    def transitions(self) -> list[Row]:
        """Return every transition so far."""
        return self._records.rows[TRANSITION.name]

    def profiles(self) -> list[Row]:
        """Return every profile published so far: `key`, the customer's id, and `value`.

        A value of None withdraws the profile: the customer was merged into another, or erased.
        """
        return self._records.rows[PROFILE.name]

    def governance(self) -> list[Row]:
        """Return every record so far of sets that came into force, and of guards' verdicts."""
        return self._records.rows[GOVERNANCE.name]

    def dead_letters(self) -> list[Row]:
        """Return every dead letter so far: `reason`, `detail` and the refused `value`."""
        return self._records.rows[DEAD_LETTER.name]

    def customer(self, identifier: str) -> Row | None:
        """Return the customer who has `type:value`, as in customers.jsonl with timers, or None."""
        type_, _, value = identifier.partition(":")
        if type_ not in self.program.identifiers:
            known = ", ".join(self.program.identifiers)
            raise UsageError(f"{type_!r} is not an identifier type of this topology: use {known}")
        for customer in self._runtime.customers():
            row = self.row(customer)
            if value in row["identifiers"].get(type_, []):
                return row
        return None

    def row(self, customer: Customer) -> Row:
        """Return a customer as operators see it."""
        seen = snapshot(customer, self.program, self.clock, for_operators=True)
        row: Row = msgspec.to_builtins(seen)
        return row

    def customers(self) -> list[Customer]:
        """Return the state of every customer, by customer id."""
        return list(self._runtime.customers())

    def identified(self, identifiers: Mapping[str, object], channel: str) -> list[Identifier]:
        """Return identifiers as the engine takes them from events, the strongest first.

        Those that name nobody are left out; empty if none is left.
        """
        event = {"type": "x", "time": 1, "channel": channel, "identifiers": dict(identifiers)}
        value = msgspec.json.encode(event)
        record = RawRecord(channel, "driver", 0, 0, max(1, self.clock), value, channel=channel)
        decoded = self._decode_native(record)
        return decoded.identifiers if isinstance(decoded, Event) else []

    def states(self, identifier: str) -> list[tuple[str, str]]:
        """Return (journey, state) of the customer's live instances, by journey, oldest first."""
        row = self.customer(identifier)
        return [(i["journey"], i["state"]) for i in row["instances"]] if row else []

    def _process(
        self, value: bytes, channel: str, time: int, decode: Decode, expect: str | None
    ) -> None:
        record, decoded, refused = self._decoded(value, channel, time, decode)
        _check_expected(refused, expect)
        self._take(record, decoded, refused)

    def _decoded(
        self, value: bytes, channel: str, time: int, decode: Decode
    ) -> tuple[RawRecord, Decoded, InputError | None]:
        """Return a record, what it holds, and why it is refused."""
        record = RawRecord(
            topic=channel,
            topic_id="driver",
            partition=0,
            offset=self._offset,
            time=max(time, self.clock),
            value=value,
            channel=channel,
        )
        decoded = decode(record)
        return record, decoded, refusal_of(decoded)

    def _take(self, record: RawRecord, decoded: Decoded, refused: InputError | None) -> None:
        self._offset += 1
        if not isinstance(decoded, InputError) and refused is None:
            self._runtime.offer("driver", record.offset, decoded)
        if refused is not None:
            self._runtime.refuse("driver", record.offset, dead_letter_of(record, refused))
        self._runtime.flush()


def _native(
    type_: str,
    at: str | int | dt.datetime,
    channel: str,
    identifiers: Mapping[str, object],
    attributes: Mapping[str, object] | None,
    id_: str | None,
) -> tuple[bytes, int]:
    """Return a native event, and its time in ms."""
    time = _milliseconds(at)
    event: Row = {
        "type": type_,
        "time": time,
        "channel": channel,
        "identifiers": dict(identifiers),
    }
    if attributes is not None:
        event["attributes"] = dict(attributes)
    if id_ is not None:
        event["id"] = id_
    return msgspec.json.encode(event), time


def _check_expected(refused: InputError | None, expect: str | None) -> None:
    """Raise UsageError if a record was refused, or taken, and the test does not expect that."""
    if refused is None and expect is not None:
        raise UsageError(f"the record was not refused as {expect!r}: leave `expect` away")
    if refused is not None and refused.reason != expect:
        raise UsageError(
            f"the record was refused, {refused.reason}: {refused.detail}. Mend it; or, if the "
            f"test is about that, write expect={refused.reason!r}"
        )


class _Records:
    """An output that keeps all records, decoded."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {kind.name: [] for kind in RECORDS}

    def write(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if effect.kind == DEAD_LETTER.name:
                row = {name: value.decode() for name, value in effect.headers}
                self.rows[DEAD_LETTER.name].append({**row, "value": effect.value})
            elif effect.kind == PROFILE.name:
                value = msgspec.json.decode(effect.value) if effect.value else None
                self.rows[PROFILE.name].append({"key": effect.key, "value": value})
            else:
                self.rows[effect.kind].append(msgspec.json.decode(effect.value))

    def refuse(self, letter: DeadLetter) -> None:
        row = {"reason": letter.reason, "detail": letter.detail, "value": letter.value}
        self.rows[DEAD_LETTER.name].append(row)

    def notes(self) -> dict[str, bytes]:
        return {}


def _all_native(program: Program) -> Program:
    """Return `program` with format native for every channel that has events."""
    channels = {
        name: msgspec.structs.replace(
            channel, input=msgspec.structs.replace(channel.input, format="native", maps=())
        )
        if channel.input
        else channel
        for name, channel in program.channels.items()
    }
    return msgspec.structs.replace(program, channels=channels)


def _milliseconds(at: str | int | dt.datetime) -> int:
    if isinstance(at, int):
        return at
    try:
        moment = dt.datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        raise UsageError(f"at={at!r} is no time: write 2026-03-01T10:00:00Z") from None
    if moment.tzinfo is None:
        raise UsageError(f"at={str(at)!r} has no time zone: write 2026-03-01T10:00:00Z")
    return round(moment.timestamp() * 1000)
