"""Python code that writes Protobuf messages as JSON values, made from a descriptor once.

A function writes a message `m`; `t` counts the values. A message of many fields takes two bytes
where it is empty, so the values that a record gives are counted, and bounded. Of the schema only
names enter the code, as literals.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from keyword import iskeyword
from typing import Any, Final

from cjo_stream.errors import InputError
from cjo_stream.registry.number import decimal, shortest

VALUES_MAX: Final = 100_000
"""Values that one record may give."""
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


def _entries(values: Any) -> dict[str, Any]:
    # Half the time of `items`, which the library takes from Python's own Mapping.
    return {name: values[name] for name in values}


_GIVEN: Final[dict[str, Any]] = {
    "entries": _entries,
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
        self._scope = dict(_GIVEN)

    def compiled(self, descriptor: Any) -> Write:
        """Return the function that writes messages of a type."""
        name = self._function(descriptor)
        exec("\n".join(self._lines), self._scope)  # noqa: S102 - our own code: others' names alone
        found: Write = self._scope[name]
        return found

    def _function(self, descriptor: Any) -> str:
        """Return the name of the function that writes messages of a type."""
        name = descriptor.full_name
        if name in _SPECIAL:
            return _SPECIAL[name].__name__
        if name in self._functions:
            return self._functions[name]
        self._functions[name] = function = f"write{len(self._functions)}"
        code = [f"def {function}(m, t):"]
        if name in _WRAPPERS:
            code.append(f" return {self._one(descriptor.fields_by_name['value'], 'm.value')}")
        else:
            self._write_fields(descriptor, code)
        self._lines += code
        return function

    def _write_fields(self, descriptor: Any, code: list[str]) -> None:
        always, later = [], []
        # The class's own: a field of the message may be called `HasField`, too.
        has = f"has{len(self._scope)}"
        self._scope[has] = self._class_of(descriptor).HasField
        code += [f" t[0] -= {len(descriptor.fields)}", " if t[0] < 0: spend(t, 0)"]
        for field in descriptor.fields:
            name, value = repr(field.name), self._value(field, "v")
            # `m.class` would be no Python.
            place = f"getattr(m, {name})" if iskeyword(field.name) else f"m.{field.name}"
            if field.has_presence:
                later.append(f" if {has}(m, {name}): v = {place}; d[{name}] = {value}")
            elif field.type in (field.TYPE_STRING, field.TYPE_BYTES) and not field.is_repeated:
                later.append(f" if v := {place}: d[{name}] = {value}")
            else:
                always.append(f"{name}: {self._value(field, place)}")
        code.append(f" d = {{{', '.join(always)}}}")
        code += [*later, " return d"]

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
                return f"entries({place})"
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
