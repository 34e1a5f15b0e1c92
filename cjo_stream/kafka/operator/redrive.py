"""Dead letters, mended and sent again, each once.

    letters  ──▶  chosen and mended  ──▶  one transaction:  the records, to the topics that they
                  (`ingest/mending`)                          came from
                                                            marks of their letters

Sent are those that intake would accept now, save outcomes that their customer refused and no edit
changes. The marks (`position/redriven`) say of each letter
whether it was sent, so a redrive that was killed goes on where it was, and a second one sends
nothing again. Of two at the same time the second takes the transactional id, which ends the first.

Intake that is killed may leave two letters of one record; it is sent once all the same.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from confluent_kafka import Message

from cjo_stream.engine.port import RawRecord
from cjo_stream.errors import InputError
from cjo_stream.ingest.decoder import codecs, decoder
from cjo_stream.ingest.mending import FAILED, Mending, check
from cjo_stream.installation.answer import Redriven, Refused, Sent, redriven_of
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.consumer import group_id
from cjo_stream.kafka.client.contents import contents, table
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.client.sender import Outgoing
from cjo_stream.kafka.client.transaction import Transactions
from cjo_stream.kafka.definition.apply import in_force
from cjo_stream.kafka.operator.records import refused_of
from cjo_stream.kafka.position.redriven import Marks
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

BATCH_RECORDS_MAX: Final = 500
BATCH_BYTES_MAX: Final = 1 << 20
ORIGIN: Final = "dead_letter"
"""The header of a record that was sent again: the topic/partition/offset of its letter."""


def redrive(
    settings: Settings,
    mending: Mending,
    *,
    is_dry: bool,
    on_batch: Callable[[int], None] = lambda _: None,
) -> Redriven:
    """Send the letters that `mending` chooses to their topics; return what became of them.

    Letters that come meanwhile are left for the next one. `on_batch` gets the number sent so far.
    Raises RefusalError where a topic is missing, RetryError where the broker is away: the same
    command goes on then.
    """
    settings.require_tenant_key()
    names, admin = Names(settings.topic_prefix), Admin(settings)
    found = admin.require([names.dead_letter, names.cursor])
    letters = found[names.dead_letter]
    sources = _Sources(settings, admin, names)
    writer = None
    if not is_dry:
        writer = Transactions(settings, group_id(settings, "redrive"))
        writer.open()  # before the marks are read: a predecessor's last ones may still be coming
    marks = Marks(names.cursor, letters.id, table(settings, names.cursor))
    batch = _Batch(writer, marks, on_batch)
    refused: Counter[tuple[str, str]] = Counter()
    letters_of: Counter[str] = Counter()
    before = edited = failed = 0
    sent: set[int] = set()
    """Hashes of the records that were sent, of which there may be other letters."""
    places = [(letters.name, partition) for partition in range(letters.partitions)]
    ends = admin.ends(places, committed=True)
    for message in _between(settings, ends):
        place = (message.partition() or 0, message.offset() or 0)
        letter, value = refused_of(message), message.value()
        value = value if isinstance(value, bytes) else b""
        letters_of[letter.reason] += 1
        if not mending.is_of(letter, value):
            continue
        origin = hash((letter.topic, letter.partition, letter.offset, value))
        if origin in sent or marks.has(*place):
            before += 1
            sent.add(origin)
            continue
        try:
            record = sources.mended(message, value, letter, mending)
        except InputError as error:
            refused[error.reason, error.detail] += 1
            continue
        batch.add(place, record)
        sent.add(origin)
        edited += record.value != value
        failed += letter.reason == FAILED
    batch.write()
    return redriven_of(
        Sent(batch.sent, edited, failed), before, refused, letters_of, mending.unread
    )


def _between(settings: Settings, ends: Mapping[Place, int]) -> Iterator[Message]:
    """Yield what partitions hold before these ends."""
    for place, end in ends.items():
        for message in contents(settings, place):
            if (message.offset() or 0) >= end:
                break
            yield message


class _Batch:
    """Records that are sent together, and how many were."""

    def __init__(
        self, writer: Transactions | None, marks: Marks, on_batch: Callable[[int], None]
    ) -> None:
        """Without a `writer` they are only counted."""
        self.sent = 0
        self._writer = writer
        self._marks = marks
        self._on_batch = on_batch
        self._records: list[Outgoing] = []
        self._bytes = 0

    def add(self, letter: tuple[int, int], record: Outgoing) -> None:
        self._records.append(record)
        self._bytes += len(record.value or b"")
        self._marks.add(*letter)
        if len(self._records) >= BATCH_RECORDS_MAX or self._bytes >= BATCH_BYTES_MAX:
            self.write()

    def write(self) -> None:
        if self._writer is not None and self._records:
            self._writer.write([*self._records, *self._marks.records()])
        self.sent += len(self._records)
        self._records, self._bytes = [], 0
        self._on_batch(self.sent)


class _Sources:
    """The topics that letters came from, and how their records are read."""

    def __init__(self, settings: Settings, admin: Admin, names: Names) -> None:
        program = in_force(settings)
        self._decode = decoder(program, settings.tenant_key_bytes())
        self._undecoded = frozenset(codecs(program))
        """Channels whose records only a registry's schemas can read."""
        self._channels: dict[str, str | None] = {names.outcome: None}
        for channel in program.channels.values():
            if channel.input is not None:
                self._channels[names.source(channel.input)] = channel.name
        self._topics = admin.describe(self._channels)

    def mended(
        self, message: Message, value: bytes, letter: Refused, mending: Mending
    ) -> Outgoing:
        """Return a letter's record as it is sent; raises InputError if it is not."""
        topic = self._topics.get(letter.topic)
        if topic is None or not 0 <= letter.partition < topic.partitions:
            raise InputError(letter.reason, "it came from no topic that takes events now")
        new, key = mending.mended(letter, value), message.key()
        channel = self._channels[topic.name]
        key = key.encode() if isinstance(key, str) else key
        record = RawRecord(
            topic.name,
            topic.id,
            letter.partition,
            letter.offset,
            time.time_ns() // 1_000_000,
            new,
            key,
            (),
            channel,
        )
        if channel not in self._undecoded:
            check(self._decode, record)
        origin = f"{message.topic()}/{message.partition()}/{message.offset()}".encode()
        return Outgoing(topic.name, new, letter.partition, key, [(ORIGIN, origin)])
