"""Records decoded by the shares, before the run knows whose events they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from cjo_stream.embedded.cores import wire
from cjo_stream.embedded.cores.crew import Crew
from cjo_stream.engine.port import DecodedRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest import Decoder
from cjo_stream.ingest.files import DecodeAll, Undecoded

BATCH_RECORDS: Final = 500
BATCH_BYTES: Final = 1 << 20
"""A batch ends with the record that reaches this: rows may be large."""


def decode_by(crew: Crew, decoder: Decoder) -> DecodeAll:
    """Return what has records decoded by the shares in turn; `decoder` gets what they note."""

    def decode_all(records: Iterator[Undecoded]) -> Iterator[DecodedRecord]:
        under_way: deque[tuple[int, list[Undecoded]]] = deque()

        def ask(share: int) -> None:
            if batch := _batch(records):
                of_rows = [record for record, error in batch if error is None]
                crew.ask_one(share, wire.Decode(of_rows))
                under_way.append((share, batch))

        for share in range(crew.size):
            ask(share)
        while under_way:
            share, batch = under_way.popleft()
            told = crew.next(share, wire.Decoded)
            ask(share)
            decoder.take_over(told.noted)
            yield from _joined(batch, told)

    return decode_all


def _batch(records: Iterator[Undecoded]) -> list[Undecoded]:
    """Return the next records; none at the end."""
    batch: list[Undecoded] = []
    left_bytes = BATCH_BYTES
    for one in records:
        batch.append(one)
        left_bytes -= len(one[0].value)
        if left_bytes <= 0 or len(batch) == BATCH_RECORDS:
            break
    return batch


def _joined(batch: list[Undecoded], told: wire.Decoded) -> Iterator[DecodedRecord]:
    """Yield the records of a batch with what was told of those that their rows hold."""
    found = iter(enumerate(told.events))
    for record, error in batch:
        if error is not None:
            yield record, error
            continue
        number, events = next(found)
        refused = told.refused.get(number)
        if refused is not None:
            reason, detail, may_change = refused
            yield record, InputError(reason, detail, may_change=may_change)
        else:
            yield record, events[0] if len(events) == 1 else events
