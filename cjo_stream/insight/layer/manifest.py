"""The manifest: the files that make up the layer, and how far each source was read.

A manifest is one file, made whole and never changed. The latest one counts:

    manifest/00000000000000000007.json

Of two sinks that make the next one at once, one finds that its name is taken. So no record is in
two manifests' files as new.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from cjo_stream.errors import LockedError, UsageError
from cjo_stream.ingest.archive.folder import Folder
from cjo_stream.ingest.taken import Taken
from cjo_stream.installation.unrecorded import Switched

FORM: Final = 10
"""The number of this form of the manifest and of the tables."""
_NAME: Final = re.compile(r"manifest/([0-9]{20})\.json")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file."""

    path: str
    table: str
    day: str = ""
    """YYYY-MM-DD, UTC; empty of a table that is drawn from others."""
    rows: int
    lanes: dict[str, tuple[int, int]] = {}
    """Of each lane, the positions of its first and its last record in the file."""
    is_stayed: bool = False
    """Of transitions: whether the stays that are kept follow from these rows too."""
    crc: int = 0
    """CRC-32 of the file."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a layer."""

    form: int = FORM
    generation: int = 0
    parts: list[Part] = []
    positions: dict[str, dict[str, int]] = {}
    """By kind of record and lane: where it goes on."""
    events: list[Taken] = []
    """The files of events, as far as they were taken."""
    refused: int = 0
    """Rows of files and records of topics with no event, or one that its customer refused."""
    repeated: int = 0
    """Events with an id of an earlier one."""
    erased: int = 0
    """Customers whose rows were taken out."""
    withheld: int = 0
    """Events of erased customers that came later, and were not taken."""
    key: str = ""
    """The fingerprint of the tenant key that hashes of what is forgotten are under, if any is."""
    moved: dict[str, tuple[int, str]] = {}
    """Instances that an unmerge had moved to customers who were erased since: see `Who.moved`."""
    until: int | None = None
    """The time of the latest record, ms; None of an empty layer."""
    lost: dict[str, int] = {}
    """By topic, the offsets that it no longer held when they were to be read."""
    anew: dict[str, int] = {}
    """By topic, how often it was found to be another one under the same name."""
    foreign: dict[str, int] = {}
    """By topic, records that are none of its kind."""
    untaken: dict[str, tuple[int, int]] = {}
    """By folder of a run, its late events and its dead letters: no record came of either."""
    switched: dict[str, list[Switched]] = {}
    """By folder of runs, or of Kafka: what its sets switched off, if any has."""
    gone: dict[str, int] = {}
    """Files of earlier manifests that are still there for their readers, and since when, ms."""


def latest(folder: Folder) -> Manifest:
    """Return the manifest that counts; an empty one where there is none.

    Raises UsageError for one of a later release.
    """
    found = [int(name[1]) for path in folder.paths("manifest") if (name := _NAME.fullmatch(path))]
    if not found:
        return Manifest()
    path = path_of(max(found))
    try:
        manifest = msgspec.json.decode(folder.read(path), type=Manifest)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{folder.url}/{path} is no manifest of a layer ({error}): name the folder of a "
            "layer, or make it anew with `cjo-stream insight sink`"
        ) from None
    if manifest.form != FORM:
        raise UsageError(
            f"{folder.url} is a layer of form {manifest.form}, and this release reads form "
            f"{FORM}: make it anew with `cjo-stream insight sink` into an empty folder"
        )
    return manifest


def publish(folder: Folder, manifest: Manifest) -> None:
    """Make a manifest the one that counts; raises LockedError if another sink was first."""
    path, content = path_of(manifest.generation), msgspec.json.encode(manifest)
    # An object store may have made ours, and its answer was lost: then it is there as it is here.
    if not folder.create(path, content) and folder.read(path) != content:
        raise LockedError(
            f"another sink wrote to {folder.url} at the same time, and was first: give the "
            "command again"
        )


def check_place(folder: Folder) -> None:
    """Raise UsageError for an object store on which two sinks could both be the first."""
    if folder.remote is not None and not folder.refuses_second():
        raise UsageError(
            f"{folder.url} is in a store that replaces an object even if it is asked not to "
            "(If-None-Match: *), so two sinks could undo each other: take a store that heeds it, "
            "or a local folder"
        )


def path_of(generation: int) -> str:
    """Return the path of a manifest."""
    return f"manifest/{generation:020d}.json"
