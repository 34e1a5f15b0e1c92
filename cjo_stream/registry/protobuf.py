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

A field that can be unset (`optional`, a message, a `oneof`) and is, is left out. So is an empty
text or `bytes` field: without `optional`, Protobuf cannot tell it from an unset one. A number,
boolean, enum, list or map without a value has its default.

A message of many fields takes two bytes where it is empty. So the fields that a record gives are
counted, and bounded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from cjo_stream.errors import InputError
from cjo_stream.registry.library import import_protobuf
from cjo_stream.registry.number import decimal, shortest
from cjo_stream.registry.protoc import BUILT_IN, compile_files

VALUES_MAX: Final = 100_000
"""Values that one record may give."""
_INDEX_BYTES_MAX: Final = 5
_DEPTH_MAX: Final = 64
_MAIN: Final = "cjo_stream_schema.proto"
_WRAPPERS: Final = frozenset(
    f"google.protobuf.{kind}Value"
    for kind in (
        "Bool",
        "Bytes",
        "Double",
        "Float",
        "Int32",
        "Int64",
        "String",
        "UInt32",
        "UInt64",
    )
)
_Write = Callable[[Any, "_Budget"], Any]


class _Budget:
    """How many values the present record may still give."""

    def __init__(self) -> None:
        self.left = VALUES_MAX

    def spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise InputError("too_large", f"more than {VALUES_MAX} values")


def reader(text: str, references: Mapping[str, str] | None = None) -> Callable[[bytes], Any]:
    """Return what reads the bodies of a schema; `references` are the files that it imports.

    Raises InputError where the schema cannot be used; so does the reader of a body that is not of
    the schema.
    """
    library = import_protobuf()
    files = library.descriptor_pb2.FileDescriptorSet.FromString(_compiled(text, references or {}))
    pool = library.descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    main = pool.FindFileByName(_MAIN)
    # In the file's order, which the indexes count.
    top = [main.message_types_by_name[one.name] for one in files.file[-1].message_type]
    writers: dict[tuple[int, ...], tuple[Any, _Write]] = {}

    def writer(path: tuple[int, ...]) -> tuple[Any, _Write]:
        found = writers.get(path)
        if found is None:
            descriptor, among = None, top
            for index in path:
                if index >= len(among):
                    raise InputError("malformed", "its message indexes name no message")
                descriptor = among[index]
                among = descriptor.nested_types
            found = (
                library.message_factory.GetMessageClass(descriptor),
                _Writers().message(descriptor),
            )
            writers[path] = found
        return found

    def read(body: bytes) -> Any:
        path, begin = _indexes(body)
        kind, write = writer(path)
        try:
            message = kind.FromString(body[begin:])
        except library.message.DecodeError:
            raise InputError("malformed", "not of its Protobuf schema") from None
        return write(message, _Budget())

    return read


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


class _Writers:
    """What writes the messages of one schema as JSON values, by type."""

    def __init__(self) -> None:
        self._messages: dict[str, _Write] = {}

    def message(self, descriptor: Any) -> _Write:
        """Return what writes messages of a type; recursive types are written by one another."""
        name = descriptor.full_name
        special = _SPECIAL.get(name)
        if special is not None:
            return special
        if name in _WRAPPERS:
            inner = self._value(descriptor.fields_by_name["value"])
            return lambda message, budget: inner(message.value, budget)
        if name in self._messages:
            return lambda message, budget: self._messages[name](message, budget)
        fields: list[tuple[str, bool, bool, _Write]] = []
        self._messages[name] = write = _writer(fields)
        for field in descriptor.fields:
            is_text = field.type in (field.TYPE_STRING, field.TYPE_BYTES)
            fields.append(
                (
                    field.name,
                    field.has_presence,
                    is_text and not field.has_presence and not field.is_repeated,
                    self._field(field),
                )
            )
        return write

    def _field(self, field: Any) -> _Write:
        if not field.is_repeated:
            return self._value(field)
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            return self._map(entry)
        one = self._value(field)
        if one is _as_it_is:
            return lambda values, _: list(values)

        def write(values: Any, budget: _Budget) -> list[Any]:
            budget.spend(len(values))
            return [one(value, budget) for value in values]

        return write

    def _map(self, entry: Any) -> _Write:
        key = entry.fields_by_name["key"]
        one = self._value(entry.fields_by_name["value"])
        is_boolean = key.type == key.TYPE_BOOL

        def write(values: Any, budget: _Budget) -> dict[str, Any]:
            budget.spend(len(values))
            return {
                str(name).lower() if is_boolean else str(name): one(value, budget)
                for name, value in values.items()
            }

        return write

    def _value(self, field: Any) -> _Write:
        """Return what writes one value of a field."""
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            names = {number: one.name for number, one in field.enum_type.values_by_number.items()}
            return lambda value, _: names.get(value, value)
        if field.type == field.TYPE_FLOAT:
            return lambda value, _: shortest(value)
        return _as_it_is


def _as_it_is(value: Any, _: _Budget) -> Any:
    return value


def _writer(fields: list[tuple[str, bool, bool, _Write]]) -> _Write:
    def write(message: Any, budget: _Budget) -> dict[str, Any]:
        budget.spend(len(fields))
        found = {}
        for name, can_be_unset, is_text, one in fields:
            if can_be_unset and not message.HasField(name):
                continue
            value = getattr(message, name)
            if is_text and not value:
                continue
            found[name] = value if one is _as_it_is else one(value, budget)
        return found

    return write


def _ms(message: Any, _: _Budget) -> int:
    return int(message.seconds * 1_000 + message.nanos // 1_000_000)


def _struct(message: Any, budget: _Budget) -> dict[str, Any]:
    budget.spend(len(message.fields))
    return {name: _json(value, budget) for name, value in message.fields.items()}


def _list(message: Any, budget: _Budget) -> list[Any]:
    budget.spend(len(message.values))
    return [_json(value, budget) for value in message.values]


def _json(message: Any, budget: _Budget) -> Any:
    kind = message.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    value = getattr(message, kind)
    if kind == "struct_value":
        return _struct(value, budget)
    if kind == "list_value":
        return _list(value, budget)
    if kind == "number_value" and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def _exact(message: Any, _: _Budget) -> Any:
    """Return what Confluent's Decimal holds."""
    return decimal(message.value, message.scale)


_SPECIAL: Final[dict[str, _Write]] = {
    "google.protobuf.Timestamp": _ms,
    "google.protobuf.Duration": _ms,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Value": _json,
    "confluent.type.Decimal": _exact,
}
