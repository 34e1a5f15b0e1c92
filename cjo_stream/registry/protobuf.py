"""Protobuf messages as JSON values.

    type                        value
    message, map; repeated      object by the fields' own names; list
    64-bit integer              a number
    enum                        the value's name; its number if the schema has none for it
    bytes                       base64
    float                       the shortest decimal of its 32 bits
    Timestamp; Duration         ms since the epoch; ms
    wrappers (Int64Value ...)   the value
    Struct, Value, ListValue    the JSON that they hold
    Confluent's Decimal         a number, exact if it is whole
    NaN, infinity               null

A field that can be unset (`optional`, a message, a `oneof`) and is, is left out. So is an empty
text or `bytes` field: without `optional`, Protobuf cannot tell it from an unset one. A number,
boolean, enum, list or map without a value has its default.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from cjo_stream.errors import InputError
from cjo_stream.registry.library import import_protobuf
from cjo_stream.registry.message import Source, outline
from cjo_stream.registry.outline import Find, Reading
from cjo_stream.registry.protoc import BUILT_IN, compile_files
from cjo_stream.registry.wire import HEADER_BYTES, refusal

USUAL_INDEX_BYTES: Final = 2
"""Of nearly all messages."""
_INDEX_BYTES_MAX: Final = 5
_DEPTH_MAX: Final = 64
_MESSAGES_MAX: Final = 100
"""Message types of a schema whose code is kept."""
_MAIN: Final = "cjo_stream_schema.proto"


def finder(text: str, references: Mapping[str, str] | None = None) -> Find:
    """Return what finds how a record is read; `references` are the files that its schema imports.

    Raises InputError where the schema cannot be used; so does `read` of a body that is not of the
    schema.
    """
    library = import_protobuf()
    files = library.descriptor_pb2.FileDescriptorSet.FromString(_compiled(text, references or {}))
    pool = library.descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    main = pool.FindFileByName(_MAIN)
    # In the file's order, which the indexes count.
    top = [main.message_types_by_name[one.name] for one in files.file[-1].message_type]
    class_of = library.message_factory.GetMessageClass

    @lru_cache(_MESSAGES_MAX)
    def reading(path: tuple[int, ...], header_bytes: int) -> Reading:
        descriptor, among = None, top
        for index in path:
            if index >= len(among):
                raise InputError("malformed", "its message indexes name no message")
            descriptor = among[index]
            among = descriptor.nested_types
        read = Source(class_of).compiled(descriptor, header_bytes)
        return Reading(read, header_bytes, outline(descriptor))

    def find(record: bytes) -> Reading:
        try:
            path, length = _indexes(record[HEADER_BYTES:])
            return reading(path, HEADER_BYTES + length)
        except Exception as error:
            raise refusal(error, "Protobuf") from None

    return find


def _compiled(text: str, references: Mapping[str, str]) -> bytes:
    """Return the descriptors of a schema and all that it imports; raises InputError."""
    with tempfile.TemporaryDirectory(prefix="cjo-stream-") as name:
        folder = Path(name)
        for file, content in {**BUILT_IN, **references, _MAIN: text}.items():
            path = PurePosixPath(file)
            if path.is_absolute() or ".." in path.parts or "\0" in file:
                raise InputError("malformed", "its schema imports a file by an unusable name")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
        return compile_files(folder, _MAIN)


def _indexes(body: bytes) -> tuple[tuple[int, ...], int]:
    """Return the path of the message's type in its file, and where the message begins."""
    if body[:1] == b"\0":
        return (0,), 1
    count, at = _varint(body, 0)
    if not 0 < count <= _DEPTH_MAX:
        raise InputError("malformed", "no message indexes of Protobuf behind its schema id")
    path = []
    for _ in range(count):
        index, at = _varint(body, at)
        if index < 0:
            raise InputError("malformed", "its message indexes name no message")
        path.append(index)
    return tuple(path), at


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """Return a number in zigzag form, and where the next begins."""
    number = 0
    for place in range(_INDEX_BYTES_MAX):
        if at + place >= len(body):
            break
        byte = body[at + place]
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return (number >> 1) ^ -(number & 1), at + place + 1
    raise InputError("malformed", "no message indexes of Protobuf behind its schema id")
