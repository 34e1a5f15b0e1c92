"""Python code that writes Protobuf messages as JSON values, made from a descriptor once.

A function writes a message `m`; `t` counts the values. A message of many fields takes two bytes
where it is empty, so the values that a record gives are counted, and bounded. Of the schema only
names enter the code, as literals.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable
from keyword import iskeyword
from typing import Any, Final

from cjo_stream.errors import InputError
from cjo_stream.registry.number import decimal, shortest
from cjo_stream.registry.outline import Kind, Outline, Read, bytes_of_names
from cjo_stream.registry.wire import refusal

VALUES_MAX: Final = 100_000
"""Values that one record may give."""
_IN_PLACE: Final = 10
"""Levels of messages that are written in the code of the outermost one."""
_FIELDS_IN_PLACE: Final = 200
_ENTRIES: Final = "entries"
"""Stands for the value of a map that needs no conversion."""
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
_INTEGERS: Final = (1, 2, 3, 4)
"""C++ types of descriptors: of 32 and 64 bits, signed and not."""


Budget = list[int]
"""How many values a record may still give; one number, so that the code can count in place."""


def spend(budget: Budget, values: int) -> None:
    """Take some; raises InputError where there are not so many left."""
    budget[0] -= values
    if budget[0] < 0:
        raise InputError("too_large", f"more than {VALUES_MAX} values")


Write = Callable[[Any, Budget], Any]


def _ms(message: Any, _: Budget) -> int:
    return int(message.seconds * 1_000 + message.nanos // 1_000_000)


def _struct(message: Any, budget: Budget) -> dict[str, Any]:
    spend(budget, len(message.fields))
    return {name: _json(value, budget) for name, value in message.fields.items()}


def _list(message: Any, budget: Budget) -> list[Any]:
    spend(budget, len(message.values))
    return [_json(value, budget) for value in message.values]


def _json(message: Any, budget: Budget) -> Any:
    kind = message.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    value = getattr(message, kind)
    if kind == "struct_value":
        return _struct(value, budget)
    if kind == "list_value":
        return _list(value, budget)
    if kind == "number_value":
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value


def _decimal(message: Any, _: Budget) -> Any:
    return decimal(message.value, message.scale)


_SPECIAL: Final[dict[str, Write]] = {
    "google.protobuf.Timestamp": _ms,
    "google.protobuf.Duration": _ms,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Value": _json,
    "confluent.type.Decimal": _decimal,
}


def _spent(values: Any, budget: Budget) -> Any:
    spend(budget, len(values))
    return values


_GIVEN: Final[dict[str, Any]] = {
    "refusal": refusal,
    "spend": spend,
    "spent": _spent,
    "shortest": shortest,
    "base64": lambda data: base64.b64encode(data).decode(),
    **{function.__name__: function for function in _SPECIAL.values()},
}


class Source:
    """Writes the code for one message type, and for those in it."""

    def __init__(self, class_of: Callable[[Any], Any]) -> None:
        """`class_of` returns the class of the messages of a type."""
        self._class_of = class_of
        self._lines: list[str] = []
        self._functions: dict[str, str] = {}
        """By a message type's full name."""
        self._names = 0
        self._fields_in_place = _FIELDS_IN_PLACE
        """As many may still be written."""
        self._scope = dict(_GIVEN)

    def compiled(self, descriptor: Any, begin: int) -> Read:
        """Return what reads the records of a type, whose messages begin at an offset."""
        code = ["def read(b):", " try:", f"  m = parse(b[{begin}:])", f"  t = [{VALUES_MAX}]"]
        code += [f" {line}" for line in self._body(descriptor, _IN_PLACE)]
        code += [" except Exception as error: raise refusal(error, 'Protobuf') from None"]
        self._scope["parse"] = self._class_of(descriptor).FromString
        exec("\n".join(self._lines + code), self._scope)  # noqa: S102 - our own: names of others
        found: Read = self._scope["read"]
        return found

    def _function(self, descriptor: Any) -> str:
        """Return the name of the function that writes messages of a type."""
        name = descriptor.full_name
        if name in _SPECIAL:
            return _SPECIAL[name].__name__
        if name not in self._functions:
            self._functions[name] = function = self._fresh("write")
            code = [f"def {function}(m, t):"]
            code += [f" t[0] -= {len(descriptor.fields)}", " if t[0] < 0: spend(t, 0)"]
            self._lines += code + self._body(descriptor, 0)
        return self._functions[name]

    def _body(self, descriptor: Any, in_place: int) -> list[str]:
        """Return the code that returns the value of a message `m`."""
        name = descriptor.full_name
        if name in _SPECIAL:
            return [f" return {_SPECIAL[name].__name__}(m, t)"]
        if name in _WRAPPERS:
            return [f" return {self._one(descriptor.fields_by_name['value'], 'm.value')}"]
        code: list[str] = []
        self._write_fields(descriptor, code, "m", "d", in_place)
        return [*code, " return d"]

    def _fresh(self, word: str) -> str:
        self._names += 1
        return f"{word}{self._names}"

    def _write_fields(
        self, descriptor: Any, code: list[str], m: str, d: str, in_place: int
    ) -> None:
        """Write what makes the object `d` of a message `m`; `in_place`: of messages in it, levels.

        Messages written in place come once a record, so that nothing counts them.
        """
        always, later = [], []
        # The class's own: a field of the message may be called `HasField`, too.
        has = self._fresh("has")
        self._scope[has] = self._class_of(descriptor).HasField
        self._fields_in_place -= len(descriptor.fields) if in_place else 0
        for field in descriptor.fields:
            name = repr(field.name)
            # `m.class` would be no Python.
            place = f"getattr({m}, {name})" if iskeyword(field.name) else f"{m}.{field.name}"
            if field.has_presence and in_place and self._fits_in_place(field.message_type):
                inner, made = self._fresh("m"), self._fresh("d")
                later += [f"if {has}({m}, {name}):", f" {inner} = {place}"]
                self._write_fields(field.message_type, later, inner, made, in_place - 1)
                later.append(f" {d}[{name}] = {made}")
            elif field.has_presence:
                value = self._value(field, "v")
                later.append(f"if {has}({m}, {name}): v = {place}; {d}[{name}] = {value}")
            elif field.type in (field.TYPE_STRING, field.TYPE_BYTES) and not field.is_repeated:
                later.append(f"if v := {place}: {d}[{name}] = {self._value(field, 'v')}")
            elif (value := self._value(field, place)) == _ENTRIES:
                # A loop is half the time of `items`, which the library takes from Mapping.
                entries, made = self._fresh("e"), self._fresh("d")
                code.append(f" {entries} = {place}; {made} = {{}}")
                code.append(f" for k in {entries}: {made}[k] = {entries}[k]")
                always.append(f"{name}: {made}")
            else:
                always.append(f"{name}: {value}")
        code.append(f" {d} = {{{', '.join(always)}}}")
        code += [" " + line for line in later]

    def _fits_in_place(self, type_: Any) -> bool:
        return (
            type_ is not None
            and type_.full_name not in _SPECIAL
            and type_.full_name not in _WRAPPERS
            and len(type_.fields) <= self._fields_in_place
        )

    def _value(self, field: Any, place: str) -> str:
        """Return an expression for a field's value, which stands at `place`."""
        if not field.is_repeated:
            return self._one(field, place)
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            key, one = entry.fields_by_name["key"], entry.fields_by_name["value"]
            name = "k" if key.type == key.TYPE_STRING else "str(k)"
            name = "str(k).lower()" if key.type == key.TYPE_BOOL else name
            spent = self._spent(one, place)
            value = self._one(one, "o")
            if (name, value) == ("k", "o"):
                return _ENTRIES
            return f"{{{name}: {value} for k, o in {spent}.items()}}"
        value = self._one(field, "o")
        if value == "o":
            return f"list({place})"
        return f"[{value} for o in {self._spent(field, place)}]"

    def _spent(self, field: Any, place: str) -> str:
        """Return an expression for many values, which counts messages among them."""
        return place if field.message_type is None else f"spent({place}, t)"

    def _one(self, field: Any, place: str) -> str:
        """Return an expression for one value of a field."""
        if field.message_type is not None:
            if place == "v" and _SPECIAL.get(field.message_type.full_name) is _ms:
                return "v.seconds * 1000 + v.nanos // 1000000"
            return f"{self._function(field.message_type)}({place}, t)"
        if field.enum_type is not None:
            names = {n: one.name for n, one in field.enum_type.values_by_number.items()}
            table = f"names{len(self._scope)}"
            self._scope[table] = names
            return f"{table}.get({place}, {place})"
        if field.type == field.TYPE_FLOAT:
            return f"shortest({place})"
        if field.type == field.TYPE_DOUBLE:
            # What is not finite gives no 0 here.
            return f"(None if (f := {place}) - f else f)"
        return f"base64({place})" if field.type == field.TYPE_BYTES else place


def outline(descriptor: Any) -> Outline:
    """Return what every message of a type holds."""
    kinds: dict[str, Kind] = {}
    names_bytes = 0
    if descriptor.full_name not in (*_SPECIAL, *_WRAPPERS):
        for field in descriptor.fields:
            kinds[field.name], more = _kind(field)
            names_bytes += more
    return Outline(kinds, names_bytes)


def _kind(field: Any) -> tuple[Kind, int]:
    """Return the kind of an outermost field, and the bytes of its names."""
    type_ = field.message_type
    if field.is_repeated:
        if type_ is None or not type_.GetOptions().map_entry:
            return Kind.OTHER, 0
        key, value = type_.fields_by_name["key"], type_.fields_by_name["value"]
        if key.type != key.TYPE_STRING or not _is_plain(value):
            return Kind.OTHER, 0
        return _flat([value]), 0
    if type_ is None:
        if field.type == field.TYPE_STRING:
            return Kind.TEXT, 0
        return (Kind.INTEGER if field.cpp_type in _INTEGERS else Kind.OTHER), 0
    if _SPECIAL.get(type_.full_name) is _ms:
        return Kind.INTEGER, 0
    if type_.full_name in (*_SPECIAL, *_WRAPPERS) or not all(map(_is_plain, type_.fields)):
        return Kind.OTHER, 0
    return _flat(type_.fields), bytes_of_names(field.name for field in type_.fields)


def _flat(fields: Iterable[Any]) -> Kind:
    return Kind.TEXTS if all(one.type == one.TYPE_STRING for one in fields) else Kind.FLAT


def _is_plain(field: Any) -> bool:
    return field.message_type is None and field.enum_type is None and not field.is_repeated
