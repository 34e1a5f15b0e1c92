"""The definition topic: the sets, the pointer to the applied one, the tenant key's fingerprint.

    record                         key           value (JSON)
    a set                          shop/3        number, digest, content
    the pointer                    shop          number, digest
    the tenant key's fingerprint   /tenant_key   fingerprint (ingest/tenant.py)
    nobody may work here           /shut         why; a null value once that is over (kafka/moving)

A record under these keys that we did not write is refused, and so is a null value under the
pointer's and the fingerprint's: the next compaction would remove it, and readers before that
would see another installation than readers after it.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import msgspec

from cjo_stream.core.program.program import Program
from cjo_stream.definition import (
    check_libraries,
    compile_stored,
)
from cjo_stream.errors import RefusalError, RetryError
from cjo_stream.ingest.tenant import check_fingerprint, fingerprint
from cjo_stream.kafka.client.admin import TIMEOUT_S
from cjo_stream.kafka.client.consumer import is_end, reader, reading
from cjo_stream.kafka.client.contents import foreign
from cjo_stream.kafka.client.error import check_consumed
from cjo_stream.kafka.client.place import Place
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

TENANT_KEY: Final = "/tenant_key"
"""The key of the fingerprint's record: no topology has an empty name."""

SHUT: Final = "/shut"
"""The key of the record that keeps all processes out."""

_LOG = logging.getLogger(__name__)


class Published(msgspec.Struct, frozen=True):
    """One definition set as the topic holds it."""

    number: int
    digest: str
    content: bytes


class Pointer(msgspec.Struct, frozen=True):
    """Which set is applied."""

    number: int
    digest: str


class Fingerprint(msgspec.Struct, frozen=True):
    """The fingerprint of the installation's tenant key."""

    fingerprint: str


class Shut(msgspec.Struct, frozen=True):
    """Why no process may work here: an import of `export` has begun and has not ended.

    Empty: an operator has closed the installation, whose customer base lives elsewhere, at `at`.
    """

    export: str = ""
    at: int = 0


class DefinitionLog:
    """Follows the definition topic.

    Reading it raises RefusalError where the installation has another tenant key than `settings`
    (a process without one needs none), and for a record that `apply` did not write. A wrong
    pointer is refused only if the caller uses it (`pointed`); `apply` itself does without.
    """

    def __init__(
        self, settings: Settings, *, pointed: bool = True, even_shut: bool = False
    ) -> None:
        self._even_shut = even_shut
        place: Place = (Names(settings.topic_prefix).definition, 0)
        self._topic = place[0]
        self._pointed = pointed
        self._tenant_key = settings.tenant_key_bytes() if settings.tenant_key else None
        self._own = fingerprint(self._tenant_key) if self._tenant_key else None
        self.fingerprint: str | None = None
        """The tenant key's fingerprint; None if none is kept yet."""
        self._consumer = reader(settings, {place: 0})
        self._reading = reading(settings)
        self.topology: str | None = None
        self.pointer = Pointer(0, "")
        self.sets: dict[int, Published] = {}
        self._sets_of: str | None = None
        """The topology of the sets; None before the first."""
        self.shut: Shut | None = None
        """Why nobody may work here, if that is so."""
        self._foreign: dict[str, str] = {}
        """By key, why its record is not ours; removed when another record of the key comes."""

    def read(self, *, keep_key: bool = False) -> None:
        """Return when the whole topic has been read; raises RetryError.

        `keep_key`: accept a wrong fingerprint record, because it will be replaced.
        """
        until_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until_s:
            message = self._consumer.poll(0.1)
            if message is not None and is_end(message):
                self.check_foreign(keep_key=keep_key)
                return
            self._take(message)
        raise RetryError(f"{self._topic} could not be read: is the broker up?")

    def poll(self, timeout_s: float = 0) -> bool:
        """Read new records; return whether the pointer moved."""
        before = self.pointer
        while (message := self._consumer.poll(timeout_s)) is not None:
            self._take(message)
            timeout_s = 0
        self.check_foreign()
        return self.pointer != before

    def program(self, number: int) -> Program:
        """Return set `number`, compiled; raises RefusalError where it is not kept any more.

        A caller that runs by it must also call `check_libraries`.
        """
        return msgspec.structs.replace(compile_stored(self.content(number)), number=number)

    def check_libraries(self, number: int) -> None:
        """Raise LibraryError if this process may not process records by set `number`."""
        check_libraries(number, self.content(number))

    def content(self, number: int) -> bytes:
        """Return set `number` as it was applied; raises RefusalError where it is not kept."""
        published = self.sets.get(number)
        if published is None:
            raise RefusalError(
                f"definition set {number} is needed, but {self._topic} holds only "
                f"{sorted(self.sets)}: it was created anew, or records of it were deleted. Write "
                "them back from a copy of the topic, each under its key"
            )
        return published.content

    @property
    def newest(self) -> Published | None:
        """Return the set of the highest number, applied in full or not."""
        return self.sets[max(self.sets)] if self.sets else None

    def close(self) -> None:
        """Leave the topic."""
        self._consumer.close()

    def _take(self, message: Any) -> None:
        if message is None or is_end(message):
            return
        if (error := message.error()) is not None:
            check_consumed(error, self._topic, self._reading)
            return
        self.take((message.key() or b"").decode(errors="replace"), message.value())

    def take(self, key: str, value: bytes | None) -> None:
        """Put a record under its key; a null value removes a set."""
        self._foreign.pop(key, None)
        topology, _, number = key.partition("/")
        try:
            if key == TENANT_KEY:
                self._take_fingerprint(value)
            elif key == SHUT:
                self.shut = msgspec.json.decode(value, type=Shut) if value is not None else None
            elif number:
                self._take_set(topology, int(number), value)
            elif value is not None:
                self._take_pointer(topology, value)
            elif topology == self._sets_of:
                self.pointer = Pointer(0, "")
                self._foreign[key] = "a null value"
        except (msgspec.MsgspecError, ValueError) as error:
            if value is not None:
                self._foreign[key] = str(error)

    def _take_fingerprint(self, value: bytes | None) -> None:
        self.fingerprint = None
        if value is None:
            self._foreign[TENANT_KEY] = "a null value"
            return
        self.fingerprint = msgspec.json.decode(value, type=Fingerprint).fingerprint

    def _take_set(self, topology: str, number: int, value: bytes | None) -> None:
        if self._sets_of not in (None, topology):
            if value is not None:
                raise ValueError(f"the sets here are of {self._sets_of}")
        elif value is None:
            self.sets.pop(number, None)
        else:
            self.sets[number] = msgspec.json.decode(value, type=Published)
            self._sets_of = topology

    def _take_pointer(self, topology: str, value: bytes) -> None:
        if topology == self._sets_of:
            self.pointer = Pointer(0, "")  # unless this one can be decoded
        self.pointer = msgspec.json.decode(value, type=Pointer)
        self.topology = topology

    def check_foreign(self, *, keep_key: bool = False) -> None:
        """Raise RefusalError for another tenant key, and for foreign records that matter here.

        Likewise where nobody may work; not for who is allowed there all the same.
        """
        if self.shut is not None and not self._even_shut:
            raise shut_out(self._topic, self.shut)
        if self._tenant_key is not None and self.fingerprint not in (None, self._own):
            whose = f"this installation ({self._topic})"
            check_fingerprint(self._tenant_key, self.fingerprint or "", whose)
        needless = {TENANT_KEY if keep_key else None, None if self._pointed else self._sets_of}
        for key, why in self._foreign.items():
            if key not in needless:
                raise self._refusal(key, why)

    def _refusal(self, key: str, why: str) -> RefusalError:
        """Return the error for a record that `apply` did not write, with what replaces it."""
        topology, _, number = key.partition("/")
        if key == TENANT_KEY:
            return no_fingerprint(self._topic, why)
        if topology != self._sets_of or (number and not number.isdecimal()):
            return foreign(self._topic, key, "`cjo-stream apply`", why)
        if number.isdecimal():
            return RefusalError(
                f"{self._topic} holds under the key {key!r} what `cjo-stream apply` did not write "
                f"({why}). Find and stop who did, then write the set's record back from a copy of "
                "the topic; a null value only if there never was such a set"
            )
        return RefusalError(
            f"{self._topic} does not say under the key {key!r} which set is applied ({why}). Find "
            "and stop who wrote that, then write the record back from a copy of the topic; or let "
            "`cjo-stream worker` and `dispatch` run, and `cjo-stream apply` the topology in force "
            "again"
        )


def read_definitions(
    settings: Settings, *, pointed: bool = True, keep_key: bool = False, even_shut: bool = False
) -> DefinitionLog:
    """Return the present content of the definition topic; raises as `DefinitionLog.read`."""
    log = DefinitionLog(settings, pointed=pointed, even_shut=even_shut)
    try:
        log.read(keep_key=keep_key)
    finally:
        log.close()
    return log


def shut_out(topic: str, shut: Shut) -> RefusalError:
    """Return the error for an installation in which nobody may work."""
    if shut.export:
        return RefusalError(
            f"an import into this installation has begun and has not ended ({topic}): give "
            "`cjo-stream base import` again with the same folder"
        )
    return RefusalError(
        f"this installation is closed ({topic}): its customer base lives elsewhere. If it shall "
        "go on here and nowhere else, run `cjo-stream base reopen`"
    )


def no_fingerprint(topic: str, why: str) -> RefusalError:
    """Return the error for an installation with sets but without a tenant key's fingerprint."""
    return RefusalError(
        f"{topic} holds under the key {TENANT_KEY!r} no fingerprint of a tenant key ({why}), so "
        "that no other key could be told from it. Write the record back from a copy of the topic. "
        "If there is none (a release without fingerprints applied the sets, or it is lost), make "
        "sure that CJO_TENANT_KEY is the key by which customers are named here, and run "
        "`cjo-stream apply --keep-key` with the topology in force"
    )
