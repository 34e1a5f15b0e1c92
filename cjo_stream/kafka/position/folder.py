"""The state folders of all workers, recorded by these in the cursor topic.

    key     folder/SLOT/NAME    0003 is partition 3's store, 0003.unreadable-1 one moved aside
    value   Folder (JSON); null once the folder is gone

An erasure purges the store of a partition's owner. The folder of a former owner, whose worker was
killed or is gone, keeps its content. No process can reach it from here, so the erasure's report
names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from cjo_stream.kafka.client.contents import foreign, table
from cjo_stream.kafka.topic.name import Names
from cjo_stream.settings import Settings

_PREFIX = "folder/"


class Folder(msgspec.Struct, frozen=True):
    """One folder with a partition's state; `held` says whether its worker has it open."""

    slot: str
    name: str
    partition: int
    host: str
    path: str
    held: bool


def record_key(slot: str, name: str) -> bytes:
    """Return the key of a folder's record."""
    return f"{_PREFIX}{slot}/{name}".encode()


def read_folders(settings: Settings) -> list[Folder]:
    """Return the recorded folders, the oldest record first.

    Raises RetryError where the broker is away, RefusalError for a foreign record.
    """
    topic = Names(settings.topic_prefix).cursor
    # They are in no transaction; one of dispatch that is open must not hide them.
    return folders_of(topic, table(settings, topic, committed=False))


def folders_of(topic: str, records: Mapping[bytes, bytes]) -> list[Folder]:
    """Return the folders among the records of the cursor topic, by key."""
    return [
        _read(topic, key, value)
        for key, value in records.items()
        if key.startswith(_PREFIX.encode())
    ]


def left(folders: Iterable[Folder]) -> list[Folder]:
    """Return the folders of former owners; the worker that opened a partition last owns it."""
    folders = list(folders)
    owned = {folder.partition: folder for folder in folders if folder.held}
    kept = [folder for folder in folders if owned.get(folder.partition) != folder]
    return sorted(kept, key=lambda folder: (folder.slot, folder.name))


def _read(topic: str, key: bytes, value: bytes) -> Folder:
    try:
        return msgspec.json.decode(value, type=Folder)
    except msgspec.MsgspecError as error:
        raise foreign(topic, key, "a worker", error) from error
