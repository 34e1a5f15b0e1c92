"""Python code that reads Avro's binary form, written from a schema and compiled once.

A function reads `b` from `i` on, and returns the value and where it ends. What a schema nests is
written in place, as deep as Python allows; a name, and what is nested deeper, is a function of its
own. Of the schema only names and symbols enter the code, as literals.

The code checks no end: an index beyond it raises IndexError, and a slice beyond it leaves `i`
behind the end, where the caller looks. A list claims at most as many items as bytes are left, and
its items take some; what a record holds without a byte is bounded. So the bytes bound the work.
Recursion is Python's own, which raises RecursionError.
"""

from __future__ import annotations

import base64
import struct
import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from cjo_stream.errors import InputError
from cjo_stream.registry.number import decimal, shortest
from cjo_stream.registry.outline import Read
from cjo_stream.registry.wire import HEADER_BYTES, refusal

FREE_MAX: Final = 1_000
"""Values that a record may hold without a byte: records in records, nulls."""
_DEEPEST: Final = 6
"""Levels written in place: Python allows 20 blocks in one another, and an array takes two."""
_RECORDS: Final = ("record", "error")
_EPOCH: Final = date(1970, 1, 1)
_SHIFT_MAX: Final = 63
"""Of the last byte of a number of 64 bits."""
_TOO_LARGE: Final = 2**64
_LENGTHS: Final = tuple(n >> 1 if n < 128 and not n & 1 else -1 for n in range(256))
"""By its only byte, a length; -1 where there are more bytes, or it is negative."""


def _long(b: bytes, i: int, n: int) -> tuple[int, int]:
    """Return the number, still in zigzag form, whose first byte `n` was read, and its end."""
    # The next bytes in turn: those of a count, of an amount, of a time in ms. Each but the last of
    # a number has 128 more than its seven bits, which is taken off at the end.
    second = b[i]
    if second < 128:
        return n + (second << 7) - 128, i + 1
    third = b[i + 1]
    if third < 128:
        return n + (second << 7) + (third << 14) - 16_512, i + 2
    fourth = b[i + 2]
    if fourth < 128:
        return n + (second << 7) + (third << 14) + (fourth << 21) - 2_113_664, i + 3
    n += (second << 7) + (third << 14) + (fourth << 21) - 270_549_120
    fifth = b[i + 3]
    if fifth < 128:
        return n + (fifth << 28), i + 4
    sixth = b[i + 4]
    if sixth < 128:
        return n + (fifth - 128 << 28) + (sixth << 35), i + 5
    return _rest(b, i + 5, n + (fifth - 128 << 28) + (sixth - 128 << 35))


def _rest(b: bytes, i: int, n: int) -> tuple[int, int]:
    """Return the number of which six bytes, `n`, were read, and its end."""
    shift = 42
    # The next byte less 128, so that it is negative in the last one only.
    while (byte := b[i] - 128) >= 0:
        n |= byte << shift
        i += 1
        shift += 7
        if shift > _SHIFT_MAX:
            raise ValueError("a number of too many bytes")
    n |= (byte + 128) << shift
    if n >= _TOO_LARGE:
        raise ValueError("a number of more than 64 bits")
    return n, i + 1


def _length(b: bytes, i: int) -> tuple[int, int]:
    """Return a length that does not stand in LENGTHS, and its end; its first byte was read."""
    n = b[i - 1]
    if n > 127:
        n, i = _long(b, i, n)
    if n & 1:
        raise ValueError("a negative length")
    return n >> 1, i


def _bad(what: str) -> Any:
    raise ValueError(what)


def _another_length() -> InputError:
    return InputError("malformed", "shorter or longer than its Avro schema says")


_GIVEN: Final[dict[str, Any]] = {
    "long": _long,
    "length": _length,
    "lengths": _LENGTHS,
    "bad": _bad,
    "another_length": _another_length,
    "refusal": refusal,
    "double_at": struct.Struct("<d").unpack_from,
    "float_at": struct.Struct("<f").unpack_from,
    "shortest": shortest,
    "decimal": decimal,
    "base64": lambda data: base64.b64encode(data).decode(),
    "uuid_of": lambda data: str(uuid.UUID(bytes=data)),
    "day": lambda days: (_EPOCH + timedelta(days)).isoformat(),
}
_NUMBERS: Final = {
    "timestamp-micros": "{} // 1000",
    "local-timestamp-micros": "{} // 1000",
    "time-micros": "{} // 1000",
    "timestamp-nanos": "{} // 1000000",
    "local-timestamp-nanos": "{} // 1000000",
    "date": "day({})",
}
"""How a number of a logical type becomes its value. One in ms is its own value."""


class Source:
    """Writes the code for one schema; `named` are its named types."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._lines: list[str] = []
        self._functions: dict[str, str] = {}
        """Of named types."""
        self._names = 0
        self._empty: dict[str, bool] = {}
        self._free_of: dict[str, int] = {}

    def compiled(self, schema: Any) -> Read:
        """Return the function that reads the records of a schema."""
        code = ["def read(b):", f" i = {HEADER_BYTES}", " try:"]
        self._write(schema, "x", code, 2, is_outermost=True)
        code += [" except Exception as error: raise refusal(error, 'Avro') from None"]
        code += [" if i != len(b): raise another_length()", " return x"]
        scope = dict(_GIVEN)
        exec("\n".join(self._lines + code), scope)  # noqa: S102 - our own: no text of others' in it
        found: Read = scope["read"]
        return found

    def _fresh(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}"

    def _function(self, schema: Any, of: str | None = None) -> str:
        """Write a function that reads a schema; return its name."""
        name = self._fresh("read")
        if of is not None:
            self._functions[of] = name
        body = [f"def {name}(b, i):"]
        self._write(schema, "x", body, 1)
        body.append(" return x, i")
        self._lines += body
        return name

    def _write(
        self, schema: Any, to: str, code: list[str], depth: int, *, is_outermost: bool = False
    ) -> None:
        """Write what reads a schema into the variable `to`."""
        space = " " * depth

        def line(*texts: str) -> None:
            code.extend(space + text for text in texts)

        kind = _kind(schema)
        if kind in self._named and is_outermost:
            self._write(self._named[kind], to, code, depth, is_outermost=True)
        elif kind in self._named:
            if kind not in self._functions:
                self._function(self._named[kind], of=kind)
            line(f"{to}, i = {self._functions[kind]}(b, i)")
        elif isinstance(schema, list):
            self._write_union(schema, to, code, depth, is_outermost=is_outermost)
        elif kind in _RECORDS:
            self._write_record(schema, to, code, depth, is_outermost=is_outermost)
        elif kind in ("array", "map"):
            if depth > _DEEPEST:
                line(f"{to}, i = {self._function(schema)}(b, i)")
            else:
                self._write_blocks(schema, to, code, depth)
        else:
            line(*_scalar(kind, schema if isinstance(schema, dict) else {}, to))

    def _write_record(
        self, schema: Any, to: str, code: list[str], depth: int, *, is_outermost: bool
    ) -> None:
        self._free(schema)
        space = " " * depth
        pairs, absent = [], []
        for field in schema["fields"]:
            value = self._fresh("v")
            self._write(field["type"], value, code, depth)
            if is_outermost and _can_be_null(field["type"]):
                absent.append((field["name"], value))
            else:
                pairs.append(f"{field['name']!r}: {value}")
        code.append(f"{space}{to} = {{{', '.join(pairs)}}}")
        for name, value in absent:
            code.append(f"{space}if {value} is not None: {to}[{name!r}] = {value}")

    def _write_union(
        self, branches: list[Any], to: str, code: list[str], depth: int, *, is_outermost: bool
    ) -> None:
        space, branch = " " * depth, self._fresh("n")
        code += [f"{space}{line}" for line in _number(branch)]
        word = "if"
        for number, one in enumerate(branches):
            code.append(f"{space}{word} {branch} == {2 * number}:")
            if depth > _DEEPEST and not isinstance(one, str):
                code.append(f"{space} {to}, i = {self._function(one)}(b, i)")
            else:
                self._write(one, to, code, depth + 1, is_outermost=is_outermost)
            word = "elif"
        code.append(f"{space}else: bad('no branch of a union')")

    def _write_blocks(self, schema: Any, to: str, code: list[str], depth: int) -> None:
        """Write what reads an array or a map, which come in blocks with a count each."""
        space, count, value = " " * depth, self._fresh("n"), self._fresh("v")
        is_map = schema["type"] == "map"
        if not is_map and self._is_empty(schema["items"]):
            raise InputError("malformed", "its schema has a list whose items take no bytes")
        key = self._fresh("k")
        code += [
            f"{space}{line}"
            for line in (
                f"{to} = {'{}' if is_map else '[]'}",
                "while True:",
                *(f" {one}" for one in _number(count)),
                f" if not {count}: break",
                f" if {count} & 1:",
                # A negative count has the block's size behind it, for readers who skip it.
                f"  {count} += 1",
                *(f"  {one}" for one in _number(value)),
                f" {count} >>= 1",
                f" if {count} > len(b) - i: bad('more items than bytes')",
                f" for _ in range({count}):",
                *(f"  {one}" for one in (_scalar("string", {}, key) if is_map else ())),
            )
        ]
        self._write(schema["values" if is_map else "items"], value, code, depth + 2)
        put = f"{to}[{key}] = {value}" if is_map else f"{to}.append({value})"
        code.append(f"{space}  {put}")

    def _is_empty(self, schema: Any) -> bool:
        """Return whether a type takes no bytes."""
        kind = _kind(schema)
        if kind in self._named:
            if kind not in self._empty:
                # A record in itself alone would have no end: no body is of it.
                self._empty[kind] = True
                self._empty[kind] = self._is_empty(self._named[kind])
            return self._empty[kind]
        if kind in _RECORDS:
            return all(self._is_empty(field["type"]) for field in schema["fields"])
        return kind == "null" or (kind == "fixed" and not schema["size"])

    def _free(self, schema: Any) -> int:
        """Return how many values a type gives without a byte; raises InputError if too many.

        Records that name one another double with each level, so that few bytes of a schema could
        stand for billions of values, in a body of none.
        """
        kind = _kind(schema)
        if kind in self._named:
            if kind not in self._free_of:
                self._free_of[kind] = 0
                self._free_of[kind] = self._free(self._named[kind])
            return self._free_of[kind]
        found = 0
        if kind in _RECORDS:
            found = 1 + sum(self._free(field["type"]) for field in schema["fields"])
        elif self._is_empty(schema):
            found = 1
        if found > FREE_MAX:
            raise InputError(
                "malformed", f"its schema gives more than {FREE_MAX} values without a byte"
            )
        return found


def _kind(schema: Any) -> str:
    """Return the word for a type, or its name."""
    if isinstance(schema, list):
        return "union"
    kind: str = schema if isinstance(schema, str) else schema["type"]
    return kind


def _number(to: str) -> tuple[str, ...]:
    """Return lines that read a number, still in zigzag form."""
    return f"{to} = b[i]; i += 1", f"if {to} > 127: {to}, i = long(b, i, {to})"


def _sized(to: str, value: str) -> tuple[str, ...]:
    """Return lines that read a length, then a value of the bytes `b[i:j]`."""
    return (
        f"{to} = lengths[b[i]]; i += 1",
        f"if {to} < 0: {to}, i = length(b, i)",
        f"j = i + {to}; {to} = {value}; i = j",
    )


def _scalar(kind: str, schema: Mapping[str, Any], to: str) -> tuple[str, ...]:
    """Return lines that read a value without parts."""
    logical = schema.get("logicalType")
    match kind:
        case "null":
            return (f"{to} = None",)
        case "boolean":
            return f"{to} = b[i] == 1", "i += 1"
        case "int" | "long":
            value = f"({to} >> 1) ^ -({to} & 1)"
            written = _NUMBERS[logical].format(f"({value})") if logical in _NUMBERS else value
            return *_number(to), f"{to} = {written}"
        case "float":
            return f"{to} = shortest(float_at(b, i)[0])", "i += 4"
        case "double":
            # What is not finite gives no 0 here.
            return f"{to} = double_at(b, i)[0]; i += 8", f"if {to} - {to}: {to} = None"
        case "string":
            return _sized(to, "b[i:j].decode()")
        case "enum":
            return (
                *_number(to),
                f"if {to} & 1: bad('a negative symbol')",
                f"{to} = {tuple(schema['symbols'])!r}[{to} >> 1]",
            )
        case "bytes":
            return _sized(to, _of_bytes(schema, "b[i:j]"))
        case "fixed":
            return (f"j = i + {int(schema['size'])}; {to} = {_of_bytes(schema, 'b[i:j]')}; i = j",)
    raise ValueError(f"there is no type {kind}")


def _of_bytes(schema: Mapping[str, Any], data: str) -> str:
    """Return an expression for the value of bytes."""
    if schema.get("logicalType") == "decimal":
        return f"decimal({data}, {int(schema.get('scale', 0))})"
    if schema.get("logicalType") == "uuid" and schema["type"] == "fixed":
        return f"uuid_of({data})"
    return f"base64({data})"


def _can_be_null(schema: Any) -> bool:
    return schema == "null" or (isinstance(schema, list) and "null" in schema)
