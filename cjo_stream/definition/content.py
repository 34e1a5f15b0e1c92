"""A definition set as it travels through the log: its texts, and what they do not say.

    zlib(msgpack(Content))    compiled again by whoever reads it, so it holds no code

Results must not depend on a machine, so the versions of the libraries that bring data of their
own are named (ARCHITECTURE.md, "The principle").
"""

from __future__ import annotations

import hashlib
import zlib
from functools import cache
from importlib import metadata

import msgspec

from cjo_stream.errors import LibraryError, RefusalError

_DATA_LIBRARIES = ("tzdata", "phonenumbers")
_FORM = 1
INFLATED_BYTES_MAX = 64 << 20
"""Of a set unpacked: what a log holds may be made to unpack to anything."""


class Carried(msgspec.Struct, frozen=True):
    """An earlier version of a journey, as it was written: its live instances finish on it."""

    journey: str
    version: int
    text: str


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """A definition set. `sources` are texts by their paths in the folder.

    `ranks` are those of every identifier type that was ever applied; empty before the first.
    `eras` tell what began anew, and how often (definition/era.py).
    """

    form: int
    sources: dict[str, str]
    carried: list[Carried]
    ranks: dict[str, int]
    libraries: dict[str, str]
    eras: dict[str, int] = {}


def new_content(sources: dict[str, str]) -> Content:
    """Return the content of a folder that was not applied yet."""
    libraries = {name: _here(name) for name in _DATA_LIBRARIES}
    return Content(_FORM, sources, [], {}, libraries)


def encode(content: Content) -> bytes:
    """Return the bytes that go into the log."""
    return zlib.compress(msgspec.msgpack.encode(content), 9)


def decode(content: bytes) -> Content:
    """Return what `encode` was given; raises RefusalError for what it did not make."""
    try:
        decoded = msgspec.msgpack.decode(_inflated(content), type=Content)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise RefusalError(
            f"the stored definition set cannot be read ({error}): bring it back from a copy "
            "of the folder or topic that it stands in"
        ) from None
    if decoded.form != _FORM:
        raise RefusalError(
            f"the stored definition set has form {decoded.form}, this release reads {_FORM}: "
            "use the release that applied it"
        )
    return decoded


def _inflated(content: bytes) -> bytes:
    """Return the bytes of a content; raises zlib.error for more than any topology has."""
    inflater = zlib.decompressobj()
    inflated = inflater.decompress(content, INFLATED_BYTES_MAX)
    if not inflater.eof:
        raise zlib.error(f"it is cut off, or of more than {INFLATED_BYTES_MAX:,} bytes")
    return inflated


def inflated_bytes(content: bytes) -> int:
    """Return how large the bytes of a content are unpacked."""
    return len(zlib.decompress(content))


def digest(content: Content) -> str:
    """Return a name of the content, equal where it is."""
    return hashlib.sha256(msgspec.msgpack.encode(content)).hexdigest()


@cache
def _here(library: str) -> str:
    """Return which version this process has: one for as long as it lives."""
    return metadata.version(library)


def check_libraries(number: int, content: bytes) -> None:
    """Raise LibraryError where this machine's data libraries are not those of a set.

    Whoever runs by a set must have them; whoever only stores or activates it need not.
    """
    differences = library_differences(content)
    if differences:
        wanted = " ".join(f"{name}=={of}" for name, of in decode(content).libraries.items())
        raise LibraryError(
            f"definition set {number}: {'; '.join(differences)}. Results would differ: install "
            f"{wanted} here. Or run `cjo-stream apply` again from where the new versions are, "
            "while the other processes still run by the old: then the change is in the log, and "
            "each of them says when it needs the new ones"
        )


def library_differences(content: bytes) -> list[str]:
    """Return, in words, where this machine's data libraries differ from those of the set."""
    return [
        f"{name} is {here} here, the definition set was applied with {applied}"
        for name, applied in decode(content).libraries.items()
        if (here := _here(name)) != applied
    ]
