"""A definition set as it is stored in the log: its texts, and facts that they do not contain.

    zlib(msgpack(Content))    it has no code: each reader compiles it again

Results must not depend on the machine, so the set names the versions of the libraries that contain
data (ARCHITECTURE.md, "The principle").
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from functools import cache
from importlib import metadata

import msgspec

from cjo_stream.definition.life import Past, with_verdicts
from cjo_stream.errors import LibraryError, RefusalError

_DATA_LIBRARIES = ("tzdata", "phonenumbers")
_FORM = 1
INFLATED_BYTES_MAX = 64 << 20
"""Largest set, unpacked: a manipulated log could otherwise unpack to any size."""


class Carried(msgspec.Struct, frozen=True):
    """An earlier version of a journey, as written.

    `is_dormant`: no instance is in it, and it names what is no longer defined; so it does not run.
    """

    journey: str
    version: int
    text: str
    is_dormant: bool = False


class Authorship(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who applied a set, why, and when: ms since the epoch, by the clock of their machine."""

    at: int
    who: str | None = None
    why: str | None = None


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """A definition set. `sources` are texts by their paths in the folder.

    `ranks` are the ranks of all identifier types ever applied; empty before the first `apply`.
    `eras` are the eras of traits, facts and cases (definition/era.py). `past` is what earlier sets
    leave to the life of journeys (definition/life.py). `by` is None for a set that a `run`
    brought.
    """

    form: int
    sources: dict[str, str]
    carried: list[Carried]
    ranks: dict[str, int]
    libraries: dict[str, str]
    eras: dict[str, int] = {}
    past: Past = Past()
    by: Authorship | None = None


def new_content(sources: dict[str, str]) -> Content:
    """Return the content of a folder before its first `apply`."""
    return Content(_FORM, sources, [], {}, libraries_here())


def encode(content: Content) -> bytes:
    """Return the content as bytes for the log."""
    return zlib.compress(msgspec.msgpack.encode(content), 9)


def decode(content: bytes) -> Content:
    """Return the content from its bytes; raises RefusalError if `encode` did not make them."""
    try:
        decoded = msgspec.msgpack.decode(_inflated(content), type=Content)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise RefusalError(
            f"the stored definition set cannot be read ({error}): restore the folder or topic "
            "that holds it from a copy"
        ) from None
    if decoded.form != _FORM:
        raise RefusalError(
            f"the stored definition set has form {decoded.form}, this release reads {_FORM}: "
            "use the release that applied it"
        )
    return decoded


def _inflated(content: bytes) -> bytes:
    """Return the unpacked bytes; raises zlib.error if they are cut off, or too many."""
    inflater = zlib.decompressobj()
    inflated = inflater.decompress(content, INFLATED_BYTES_MAX)
    if not inflater.eof:
        raise zlib.error(f"it is cut off, or larger than {INFLATED_BYTES_MAX:,} bytes")
    return inflated


def inflated_bytes(content: bytes) -> int:
    """Return the size of a content when unpacked, in bytes."""
    return len(zlib.decompress(content))


def authorship(content: bytes) -> Authorship | None:
    """Return who applied a stored set; None if a `run` brought it."""
    return decode(content).by


def heed(content: bytes, verdicts: Iterable[tuple[str, int, str]]) -> bytes:
    """Return a stored set with the verdicts of guards in its time: (journey, version, how)."""
    decoded = decode(content)
    past = with_verdicts(decoded.past, verdicts)
    if past == decoded.past:
        return content
    return encode(msgspec.structs.replace(decoded, past=past))


def digest(content: Content) -> str:
    """Return the SHA-256 of the content, in hex."""
    return hashlib.sha256(msgspec.msgpack.encode(content)).hexdigest()


def libraries_here() -> dict[str, str]:
    """Return the versions of the data libraries in this process."""
    return {name: _here(name) for name in _DATA_LIBRARIES}


@cache
def _here(library: str) -> str:
    """Return the version of a library in this process; it cannot change while it runs."""
    return metadata.version(library)


def check_libraries(number: int, content: bytes) -> None:
    """Raise LibraryError if this machine's data libraries differ from those of a set.

    A process that runs a set needs the same versions; one that only stores or activates it does
    not.
    """
    differences = library_differences(content)
    if differences:
        wanted = " ".join(f"{name}=={of}" for name, of in decode(content).libraries.items())
        raise LibraryError(
            f"definition set {number}: {'; '.join(differences)}. Results would differ: install "
            f"{wanted} here. Or run `cjo-stream apply` again on a machine with the new versions, "
            "while the other processes still have the old ones: then the change is in the log, "
            "and each process asks for the new versions when it needs them"
        )


def library_differences(content: bytes) -> list[str]:
    """Return, in words, how this machine's data libraries differ from those of the set."""
    return [
        f"{name} is {here} here, but the definition set was applied with {applied}"
        for name, applied in decode(content).libraries.items()
        if (here := _here(name)) != applied
    ]
