"""The records of a run, as sequences by customer: a digest of each, and on disk every place.

A customer is the final one: merges are followed, and the records of several have the order in
which the run wrote them. Nothing takes a merge back there, because only an operator's order does,
and a side of a backtest is a run of its own in memory. Customers have numbers: their lines in
customers.jsonl; behind them those that have records and no line there.

A file of places holds, for each record of its kind in the order of the run:

    customer  digest  time  offset
    u32       16 B    i64   u64        little-endian; `offset` is where the record's line begins

Two places are alike if their digests are: those of the fields that are compared.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from cjo_stream.core.catalogue import ACTION, DECISION, FILES, IDENTITY, TRANSITION
from cjo_stream.embedded.output import CUSTOMERS

Kind = Literal["identity", "transition", "action", "command"]
KINDS: Final[tuple[Kind, ...]] = ("identity", "transition", "action", "command")
"""Identity changes, transitions, decisions that chose something, and commands."""
RECORDS: Final[dict[Kind, str]] = {
    "identity": FILES[IDENTITY.name],
    "transition": FILES[TRANSITION.name],
    "action": FILES[DECISION.name],
    "command": FILES[ACTION.name],
}
"""The file of a run in which the records of a kind are."""

PLACE: Final = struct.Struct("<I16sqQ")
_DIGEST_BYTES: Final = 16
_MODULUS: Final = (1 << 127) - 1
_FACTOR: Final = 0x5DEECE66D1CE4E5B9A3C47F1B2D50E83
_BUFFER_BYTES: Final = 1 << 20
_ENCODE: Final = msgspec.json.Encoder(order="sorted").encode


class Named(msgspec.Struct):
    """What a customer is grouped by: a line of customers.jsonl."""

    customer_id: str
    identifiers: dict[str, list[str]] = {}


class Sequences(msgspec.Struct):
    """The sequences of one kind: for each customer its length, and its digest in 16 bytes."""

    lengths: list[int]
    digests: bytes

    def digest(self, customer: int) -> bytes:
        """Return the digest of a customer's sequence."""
        return self.digests[customer * _DIGEST_BYTES : (customer + 1) * _DIGEST_BYTES]


class Trace(msgspec.Struct):
    """What is kept of a run's records; its files of places stand beside them."""

    customers: int
    unlisted: list[str]
    """The customers that have records and no line in customers.jsonl."""
    sequences: dict[str, Sequences]


class People:
    """The final customers of a run, by number."""

    def __init__(self, out: Path) -> None:
        """Read customers.jsonl, and the merges of identities.jsonl."""
        self.unlisted: list[str] = []
        self._numbers = {row.customer_id: n for n, row in enumerate(named(out))}
        self._stayed: dict[str, str] = {}
        decode = msgspec.json.Decoder(_Merged).decode
        with (out / RECORDS["identity"]).open("rb", _BUFFER_BYTES) as lines:
            for record in map(decode, lines):
                if record.kind == "merged":
                    self._stayed.update(dict.fromkeys(record.absorbed, record.customer_id))

    def __len__(self) -> int:
        return len(self._numbers)

    def find(self, customer_id: str) -> int | None:
        """Return the number of the final customer; None if nothing is known of it."""
        return self._numbers.get(self._final(customer_id))

    def number(self, customer_id: str) -> int:
        """Return the number of the final customer; one that is not listed gets the next."""
        final = self._final(customer_id)
        number = self._numbers.get(final)
        if number is None:
            number = self._numbers[final] = len(self._numbers)
            self.unlisted.append(final)
        return number

    def _final(self, customer_id: str) -> str:
        while (stayed := self._stayed.get(customer_id)) is not None:
            customer_id = stayed
        return customer_id


def named(out: Path) -> Iterator[Named]:
    """Yield the lines of a run's customers.jsonl."""
    decode = msgspec.json.Decoder(Named).decode
    with (out / CUSTOMERS).open("rb", _BUFFER_BYTES) as lines:
        yield from map(decode, lines)


class _Merged(msgspec.Struct):
    kind: str
    customer_id: str
    absorbed: list[str]


class Writer:
    """Writes the places of one kind, and keeps the digests of its sequences."""

    def __init__(self, out: Path, kind: Kind) -> None:
        self._file = places_file(out, kind).open("wb", _BUFFER_BYTES)
        self._lengths = array("Q")
        self._digests: list[int] = []

    def add(self, customer: int, compared: Any, time: int, offset: int) -> None:
        """Add the record at `offset`, of which `compared` is compared."""
        digest = hashlib.blake2b(_ENCODE(compared), digest_size=_DIGEST_BYTES).digest()
        self._file.write(PLACE.pack(customer, digest, time, offset))
        if customer >= len(self._digests):
            self._grow(customer + 1)
        # A polynomial of the digests: it depends on their order, and on their number.
        self._digests[customer] = (
            self._digests[customer] * _FACTOR + int.from_bytes(digest, "little") + 1
        ) % _MODULUS
        self._lengths[customer] += 1

    def close(self, customers: int) -> Sequences:
        """Close the file; return the sequences of so many customers."""
        self._file.close()
        self._grow(customers)
        digests = b"".join(one.to_bytes(_DIGEST_BYTES, "little") for one in self._digests)
        return Sequences(self._lengths.tolist(), digests)

    def _grow(self, customers: int) -> None:
        more = customers - len(self._digests)
        self._digests.extend([0] * more)
        self._lengths.extend([0] * more)


def places_file(out: Path, kind: Kind) -> Path:
    """Return the file of the places of a kind."""
    return out / f"{kind}.places"


def read_records(
    out: Path, kind: Kind, decode: Callable[[bytes], Any]
) -> Iterator[tuple[int, bytes, Any]]:
    """Yield the records of a kind: where its line begins, the line, and what it decodes to."""
    offset = 0
    with (out / RECORDS[kind]).open("rb", _BUFFER_BYTES) as lines:
        for line in lines:
            yield offset, line, decode(line)
            offset += len(line)


def trace(out: Path, look: Callable[[Kind, int, Any, bytes], None] | None = None) -> Trace:
    """Return the trace of the run in `out`, and write its places there.

    `look` gets each record: kind, customer, the fields that `trace` reads, and the line. Decisions
    that chose nothing are among them.
    """
    people = People(out)
    writers = {kind: Writer(out, kind) for kind in KINDS}
    for kind in _ORDER:
        writer = writers[kind]
        add = writer.add
        for offset, line, record in read_records(out, kind, _DECODE[kind]):
            if kind == "identity":
                customer = people.find(record.customer_id)
                if customer is None:
                    continue
            else:
                customer = people.number(record.customer_id)
            if look is not None:
                look(kind, customer, record, line)
            compared = record.compared()
            if compared is not None:
                add(customer, compared, record.at(), offset)
    customers = len(people)
    sequences: dict[str, Sequences] = {k: w.close(customers) for k, w in writers.items()}
    return Trace(customers, people.unlisted, sequences)


# --- what is read of a record, and what of it is compared


class Journey(msgspec.Struct):
    """The journey of a decision."""

    name: str


class Chosen(msgspec.Struct):
    """The choice of a decision."""

    action: str
    channel: str


class DecisionRow(msgspec.Struct):
    """What is read of a decision."""

    customer_id: str
    time: int
    journey: Journey | None
    chosen: Chosen | None
    suppressed: str | None = None

    def at(self) -> int:
        """Return its time."""
        return self.time

    def compared(self) -> Any:
        """Return the fields that are compared; None of a decision that chose nothing."""
        if self.chosen is None:
            return None
        journey = self.journey.name if self.journey is not None else None
        return self.chosen.action, self.chosen.channel, journey, self.time, self.suppressed


class TransitionRow(msgspec.Struct):
    """What is read of a transition."""

    customer_id: str
    journey: str
    from_: str | None = msgspec.field(name="from")
    to: str | None
    reason: str
    outcome: str | None
    time: int

    def at(self) -> int:
        """Return its time."""
        return self.time

    def compared(self) -> Any:
        """Return the fields that are compared."""
        return self.journey, self.from_, self.to, self.reason, self.outcome, self.time


class _Identifier(msgspec.Struct):
    type: str
    value: str


class IdentityRow(msgspec.Struct):
    """What is read of an identity change."""

    customer_id: str
    kind: str
    identifiers: list[_Identifier]
    reason: str | None
    time: int

    def at(self) -> int:
        """Return its time."""
        return self.time

    def compared(self) -> Any:
        """Return the fields that are compared."""
        identifiers = sorted((one.type, one.value) for one in self.identifiers)
        return self.kind, identifiers, self.reason, self.time


class CommandRow(msgspec.Struct):
    """What is read of a command."""

    customer_id: str
    channel: str
    action: str
    template: str | None
    payload: Any
    issued_at: int
    expires_at: int

    def at(self) -> int:
        """Return when it was issued."""
        return self.issued_at

    def compared(self) -> Any:
        """Return the fields that are compared."""
        return self.template, _plain(self.payload), self.expires_at


def _plain(value: Any) -> Any:
    """Return a value in which whole numbers are written in one way, 1.0 as 1."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


_ORDER: Final[tuple[Kind, ...]] = ("transition", "action", "command", "identity")
"""Identity changes come last: those of customers that have neither a line nor a record count
nowhere."""
_DECODE: Final[dict[Kind, Callable[[bytes], Any]]] = {
    "identity": msgspec.json.Decoder(IdentityRow).decode,
    "transition": msgspec.json.Decoder(TransitionRow).decode,
    "action": msgspec.json.Decoder(DecisionRow).decode,
    "command": msgspec.json.Decoder(CommandRow).decode,
}
