"""What a backtest writes: changes.jsonl, a line for each changed group, and summary.json."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from cjo_stream.definition import DefinitionSet
from cjo_stream.definition.advice import not_covered
from cjo_stream.embedded.run import Summary as RunSummary
from cjo_stream.governance.backtest.cause import Causes
from cjo_stream.governance.backtest.comparison import Changed, Side
from cjo_stream.governance.backtest.side import Ran
from cjo_stream.governance.backtest.tally import Cap, Journey
from cjo_stream.governance.backtest.trace import RECORDS, Kind, Named
from cjo_stream.ingest.identifier import identifier_hash
from cjo_stream.insight.estimate import Evaluation

CHANGES: Final = "changes.jsonl"
SUMMARY: Final = "summary.json"
REPORT: Final = "report.html"
FILES: Final = (CHANGES, REPORT, SUMMARY)

_LAST: Final = 2**63 - 1
_T = TypeVar("_T")
_JSON: Final = msgspec.json.Encoder()


class Both(msgspec.Struct, Generic[_T], frozen=True):
    """A number, or several, of both sides."""

    live: _T
    candidate: _T


class First(msgspec.Struct, frozen=True):
    """Where the sequences of a group part."""

    time: int | None
    """The earlier time of the two records, ms; null where no record differs."""
    kind: Kind
    live: dict[str, Any] | None
    """The record there, whole; null if this side has none any more."""
    candidate: dict[str, Any] | None
    because: list[str]
    """The edited lines, as `path:line`; beside them `learnt propensity` where nothing else
    differs between the two decisions."""


class Change(msgspec.Struct, frozen=True):
    """A changed group (a line of changes.jsonl)."""

    live: list[str]
    """Its customers of this side: final ids, sorted."""
    candidate: list[str]
    identifiers: list[str]
    """Those of both sides, sorted; as hashes, unless values were asked for."""
    actions: Both[int]
    transitions: Both[int]
    first: First


class Volume(msgspec.Struct, frozen=True):
    """Actions that were chosen: sent, and suppressed."""

    sent: int = 0
    suppressed: int = 0


class ActionsOfHour(msgspec.Struct, frozen=True):
    """The actions of one channel, action and hour."""

    channel: str
    action: str
    hour: int
    """Its beginning, ms."""
    live: Volume
    candidate: Volume


class Hour(msgspec.Struct, frozen=True):
    """The hour of a channel in which most was sent, the first of equal ones."""

    hour: int | None
    sent: int


class Peak(msgspec.Struct, frozen=True):
    """The busiest hours of one channel."""

    channel: str
    live: Hour
    candidate: Hour


class CapReached(msgspec.Struct, frozen=True):
    """How often one cap stopped something."""

    cap: str
    live: Cap
    candidate: Cap


class JourneyCounts(msgspec.Struct, frozen=True):
    """Entries, goals and outcomes of one journey."""

    journey: str
    live: Journey
    candidate: Journey


class Unreached(msgspec.Struct, frozen=True):
    """A state, transition or timer of the candidate that no event reached, but could have."""

    at: str
    """`path:line`."""
    why: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a backtest (summary.json)."""

    customers: Both[int]
    groups: int
    """Customers of both sides, grouped over their identifiers."""
    changed: int
    """Groups whose actions, transitions or membership differ."""
    commands: int
    """Other groups, whose commands differ in template, payload or expires_at."""
    edited: list[str]
    """The lines that differ, as `path:line`."""
    events: Both[int]
    late: Both[int]
    repeated: Both[int]
    dead_letters: Both[int]
    transitions: Both[int]
    decisions: Both[int]
    sent: Both[int]
    """Commands."""
    actions: list[ActionsOfHour]
    peaks: list[Peak]
    caps: list[CapReached]
    journeys: list[JourneyCounts]
    unreached: list[Unreached]
    value: Evaluation | None
    """What the candidate's arbitration would have earned a choice, estimated from the choices and
    rewards of live; null where no propensity of live learns."""
    wall_seconds: float = 0.0
    events_per_second: float = 0.0
    """Each event counted once a side."""


class Customers(NamedTuple):
    """The customers of one side, by number: their ids, and the names they are grouped by."""

    ids: Sequence[str]
    names: Sequence[Sequence[tuple[str, str]]]


def customers_of(listed: Iterable[Named], unlisted: Iterable[str]) -> Customers:
    """Return the customers of one side: those listed, and behind them the others."""
    ids, names = [], []
    for row in listed:
        ids.append(row.customer_id)
        names.append([(t, value) for t, values in row.identifiers.items() for value in values])
    for one in unlisted:
        ids.append(one)
        names.append([])
    return Customers(ids, names)


class Shown:
    """How identifiers are shown: as they are, or as keyed hashes."""

    def __init__(self, tenant_key: bytes | None) -> None:
        """With a key, identifiers are shown as hashes."""
        self._key = tenant_key

    def identifier(self, type_: str, value: str) -> str:
        """Return how an identifier is shown."""
        if self._key is None:
            return f"{type_}:{value}"
        return identifier_hash(self._key, type_, value)

    def record(self, line: bytes) -> dict[str, Any]:
        """Return a record, whole; the identifiers of an identity change as they are shown."""
        record: dict[str, Any] = msgspec.json.decode(line)
        if self._key is not None:
            for one in record.get("identifiers", ()):
                one["value"] = identifier_hash(self._key, one["type"], one["value"])
        return record


class Changes:
    """Writes changes.jsonl; the lines are put in order at the end."""

    def __init__(
        self,
        path: Path,
        sides: Both[Side],
        customers: Both[Customers],
        causes: Causes,
        shown: Shown,
    ) -> None:
        self._path = path
        self._sides = sides
        self._customers = customers
        self._causes = causes
        self._shown = shown

    def write(self, changed: Iterable[Changed], look: Callable[[Change], None]) -> None:
        """Write a line for each changed group; `look` gets each change, in no order."""
        places: list[tuple[int, list[str], list[str], list[str], int, int]] = []
        unordered = self._path.with_suffix(".unordered")
        with unordered.open("w+b") as file, _Records(self._sides) as records:
            at = 0
            for one in changed:
                change = self._change(one, records)
                look(change)
                line = _JSON.encode(change) + b"\n"
                file.write(line)
                time = change.first.time
                places.append(
                    (
                        _LAST if time is None else time,
                        change.identifiers,
                        change.live,
                        change.candidate,
                        at,
                        len(line),
                    )
                )
                at += len(line)
            places.sort()
            with self._path.open("wb") as ordered:
                for *_, start, length in places:
                    file.seek(start)
                    ordered.write(file.read(length))
        unordered.unlink()

    def _change(self, one: Changed, records: _Records) -> Change:
        live, candidate = self._customers.live, self._customers.candidate
        names = {name for number in one.live for name in live.names[number]}
        names |= {name for number in one.candidate for name in candidate.names[number]}
        return Change(
            live=sorted(live.ids[number] for number in one.live),
            candidate=sorted(candidate.ids[number] for number in one.candidate),
            identifiers=sorted(self._shown.identifier(*name) for name in names),
            actions=self._lengths("action", one),
            transitions=self._lengths("transition", one),
            first=self._first(one, records),
        )

    def _lengths(self, kind: Kind, one: Changed) -> Both[int]:
        live = self._sides.live.trace.sequences[kind].lengths
        candidate = self._sides.candidate.trace.sequences[kind].lengths
        return Both(sum(live[n] for n in one.live), sum(candidate[n] for n in one.candidate))

    def _first(self, one: Changed, records: _Records) -> First:
        first = one.first
        if first is None:
            return First(None, "identity", None, None, self._causes.of(None, None))
        live, candidate = (
            self._shown.record(line) if line is not None else None
            for line in records.read(first.kind, first.live, first.candidate)
        )
        return First(first.time, first.kind, live, candidate, self._causes.of(live, candidate))


class _Records:
    """The files of records of both sides, read at places."""

    def __init__(self, sides: Both[Side]) -> None:
        self._folders = sides.live.out, sides.candidate.out
        self._open: dict[tuple[Kind, int], IO[bytes]] = {}

    def __enter__(self) -> _Records:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()

    def read(self, kind: Kind, *offsets: int | None) -> Iterator[bytes | None]:
        """Yield the line at the offset of each side; None where there is no offset."""
        for side, offset in enumerate(offsets):
            if offset is None:
                yield None
                continue
            file = self._open.get((kind, side))
            if file is None:
                file = self._open[kind, side] = (self._folders[side] / RECORDS[kind]).open("rb")
            file.seek(offset)
            yield file.readline()


def summarise(
    ran: Both[Ran],
    definitions: DefinitionSet,
    *,
    groups: int,
    changed: int,
    commands: int,
    edited: list[str],
) -> Summary:
    """Return the numbers of a backtest, its time aside; `definitions` is the candidate."""
    live, candidate = ran.live.tally, ran.candidate.tally

    def both(number: Callable[[RunSummary], int]) -> Both[int]:
        return Both(number(ran.live.summary), number(ran.candidate.summary))

    actions = _actions(ran)
    return Summary(
        customers=Both(ran.live.trace.customers, ran.candidate.trace.customers),
        groups=groups,
        changed=changed,
        commands=commands,
        edited=edited,
        events=both(lambda one: one.events),
        late=both(lambda one: one.late),
        repeated=both(lambda one: one.repeated),
        dead_letters=both(lambda one: one.dead_letters),
        transitions=both(lambda one: one.transitions),
        decisions=both(lambda one: one.decisions),
        sent=both(lambda one: one.actions),
        actions=actions,
        peaks=_peaks(actions),
        caps=[
            CapReached(name, live.caps.get(name, Cap()), candidate.caps.get(name, Cap()))
            for name in sorted(live.caps.keys() | candidate.caps.keys())
        ],
        journeys=[
            JourneyCounts(
                name,
                live.journeys.get(name, Journey()),
                candidate.journeys.get(name, Journey()),
            )
            for name in sorted(live.journeys.keys() | candidate.journeys.keys())
        ],
        unreached=[
            Unreached(f"{one.file}:{one.line}", one.message)
            for one in not_covered(definitions, ran.candidate.seen)
        ],
        value=ran.live.value,
    )


def _actions(ran: Both[Ran]) -> list[ActionsOfHour]:
    live, candidate = (
        {
            (one.channel, one.action, one.hour): Volume(one.sent, one.suppressed)
            for one in side.tally.actions
        }
        for side in (ran.live, ran.candidate)
    )
    return [
        ActionsOfHour(*key, live.get(key, Volume()), candidate.get(key, Volume()))
        for key in sorted(live.keys() | candidate.keys())
    ]


def _peaks(actions: Sequence[ActionsOfHour]) -> list[Peak]:
    hours: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
    for one in actions:
        live, candidate = hours.setdefault(one.channel, ({}, {}))
        live[one.hour] = live.get(one.hour, 0) + one.live.sent
        candidate[one.hour] = candidate.get(one.hour, 0) + one.candidate.sent
    return [
        Peak(channel, _busiest(live), _busiest(candidate))
        for channel, (live, candidate) in sorted(hours.items())
    ]


def _busiest(sent: dict[int, int]) -> Hour:
    hour, number = max(sent.items(), key=lambda one: (one[1], -one[0]))
    return Hour(hour if number else None, number)


def write_summary(path: Path, summary: Summary) -> None:
    """Write summary.json."""
    path.write_bytes(msgspec.json.format(_JSON.encode(summary), indent=2) + b"\n")
