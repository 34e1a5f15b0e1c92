"""Published records, read back from their topics, for operators."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec
from confluent_kafka import Message

from cjo_stream.core.catalogue import ACTION, DEAD_LETTER, KIND_OF, RecordKind
from cjo_stream.errors import UsageError
from cjo_stream.installation.answer import Refused, Written
from cjo_stream.installation.unrecorded import Switched
from cjo_stream.kafka.client.admin import Admin
from cjo_stream.kafka.client.contents import contents, warn_foreign
from cjo_stream.kafka.client.place import Place, Topic
from cjo_stream.kafka.definition.apply import in_force, kept_sets
from cjo_stream.kafka.operator.alternative import alternative
from cjo_stream.kafka.topic.name import Names
from cjo_stream.registry.text import Texts
from cjo_stream.settings import Settings

_LOG = logging.getLogger(__name__)
_Record = TypeVar("_Record")


class TopicRecords:
    """The records of an installation that its topics still hold, partition after partition.

    All methods raise RefusalError where a topic is missing, RetryError where the broker is away.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._commands = Texts(settings)
        self.place = f"the topics {settings.topic_prefix}*"

    def read(self, type_: type[_Record]) -> Iterator[_Record]:
        """Yield the records of a kind; foreign records are passed over, and logged."""
        decode = msgspec.json.Decoder(type_).decode
        for message in self._messages(KIND_OF[type_]):
            try:
                yield decode(message.value() or b"")
            except msgspec.MsgspecError as error:
                warn_foreign(_LOG, message, error)

    def since(self, kind: RecordKind, position: Mapping[str, int]) -> Iterator[Written]:
        """Yield the records of a kind beyond `position`, whose lanes are partitions."""
        for topic, partition in self._partitions(kind):
            lane = f"{topic.name}/{topic.id}/{partition}"
            place = (topic.name, partition)
            at = position.get(lane, 0)
            self._check(place, at)
            for message in contents(self._settings, place, at):
                value = message.value()
                if isinstance(value, bytes):  # null takes a profile back
                    text = self._commands.text(value) if kind is ACTION else value
                    yield Written(lane, (message.offset() or 0) + 1, text)

    def refused(self) -> Iterator[Refused]:
        """Yield the dead letters."""
        return map(refused_of, self._messages(DEAD_LETTER))

    def latest_refused(self, number: int) -> list[Refused]:
        """Return the dead letters that came last, at most `number`, the newest first."""
        admin = Admin(self._settings)
        name = Names(self._settings.topic_prefix).dead_letter
        found: list[Refused] = []
        places = [(name, partition) for partition in range(admin.require({name})[name].partitions)]
        for place, end in admin.ends(places).items():
            # The marker behind a transaction takes an offset, too.
            start = max(0, end - 2 * number)
            found += map(refused_of, contents(self._settings, place, start))
        return sorted(found, key=lambda one: one.time or 0, reverse=True)[:number]

    def switched(self) -> list[Switched]:
        """Return which kinds of records the kept sets switched off."""
        return [one.switched for one in kept_sets(self._settings)]

    def _messages(self, kind: RecordKind) -> Iterator[Message]:
        for topic, partition in self._partitions(kind):
            yield from contents(self._settings, (topic.name, partition))

    def _partitions(self, kind: RecordKind) -> Iterator[tuple[Topic, int]]:
        names = Names(self._settings.topic_prefix)
        with alternative("name the --out folder of a run"):
            wanted = self._targets(names) if kind is ACTION else {names.out(kind)}
            topics = Admin(self._settings).require(wanted)
        for _, topic in sorted(topics.items()):
            for partition in range(topic.partitions):
                yield topic, partition

    def _targets(self, names: Names) -> set[str]:
        """Return the topics for commands of the channels of the applied set."""
        channels = in_force(self._settings).channels.values()
        return {name for channel in channels if (name := names.target(channel)) is not None}

    def _check(self, place: Place, at: int) -> None:
        """Raise UsageError where records are gone between `at` and what the partition holds."""
        admin = Admin(self._settings)
        first, end = admin.firsts([place])[place], admin.ends([place])[place]
        if at and not first <= at <= end:
            raise UsageError(
                f"{place[0]}/{place[1]} holds records {first} to {end}, and those from {at} on "
                "are wanted: some are gone. Begin with a new position file"
            )


def refused_of(message: Message) -> Refused:
    """Return what a dead letter says."""
    headers = dict(message.headers() or ())
    texts = {
        name: value.decode(errors="replace")
        for name, value in headers.items()
        if isinstance(value, bytes)
    }
    value = message.value() or b""
    return Refused(
        time=message.timestamp()[1],
        reason=texts.get("reason", ""),
        detail=texts.get("detail", ""),
        topic=texts.get("topic", ""),
        partition=read_number(texts.get("partition")),
        offset=read_number(texts.get("offset")),
        value=value.decode("utf-8", "replace") if isinstance(value, bytes) else value,
    )


def read_number(text: str | None) -> int:
    """Return the number in a header; -1 if it is none, since others may write the topic."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else -1
