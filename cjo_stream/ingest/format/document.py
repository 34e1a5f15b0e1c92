"""JSON text: whether it is well-formed, nested too deeply, or has numbers that are too large.

Legal JSON is refused, as `invalid`, if it is nested deeper than 64 levels anywhere, or if a field
that is read has a number that Python does not parse (a float beyond 64 bits, an integer of more
than 4,300 digits). If a key is repeated, the last value counts, as in most readers of JSON.
Half of a surrogate pair (an emoji that a script cut in two) is no character: U+FFFD replaces it.

The work is linear in the length of the text, for any text.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate, compress
from typing import Any, TypeVar

import msgspec

from cjo_stream.errors import InputError

DEPTH_MAX = 64
_LEVELS = 2 * DEPTH_MAX
"""Depths are counted modulo this: no text passes from beyond DEPTH_MAX back to 0 unnoticed."""
_OPENING = b"[{"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_IS_BRACKET = bytes(byte in b"[]{}" for byte in range(256))
_STEPS = bytes(1 if byte in _OPENING else _LEVELS - 1 for byte in range(256))
_FOLDED = bytes(level % DEPTH_MAX for level in range(256))
_NOT_DEEP = bytes(range(DEPTH_MAX + 1))
_PEELED_MAX = 8
"""More levels of nesting than usual events have."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""Any escape of JSON: a pair of surrogates, half of one (the group), another."""

_KIND = re.compile(rb"[ \t\r\n]*+(.)", re.DOTALL)
_ONE_A_RECORD = "a record is one JSON object; send each object as a record of its own"

T = TypeVar("T")


class _Nothing(msgspec.Struct):
    """Has no fields: decoding to it checks the form of a text and skips all values."""


_form = msgspec.json.Decoder(_Nothing)
_value = msgspec.json.Decoder(Any)
_raw = msgspec.json.Decoder(msgspec.Raw)
_objects = json.JSONDecoder()


def check_text(text: bytes) -> None:
    """Raise InputError if `text` is not UTF-8, or is nested too deeply for a recursive reader.

    The interpreter's own limit of recursion would depend on the depth of the caller.
    """
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise InputError("malformed", f"not UTF-8 (byte {error.start})") from None
    if text.count(b"{") + text.count(b"[") > DEPTH_MAX:
        brackets = _brackets(text)
        if not _is_shallow(brackets):
            _check_depth(text, brackets)


def is_json(text: bytes) -> bool:
    """Return whether `text` is a JSON value, at any depth."""
    try:
        check_text(text)
        _check_form(text)
    except InputError as error:
        return error.reason != "malformed"
    return True


def decode_again(decoder: msgspec.json.Decoder[T], text: bytes, error: msgspec.MsgspecError) -> T:
    """Return what `text`, on which `decoder` failed, holds without halves of surrogate pairs.

    Raises InputError where they were not the reason. `text` has passed `check_text`.
    """
    if _SURROGATE.search(text) is None:
        raise _refusal(text, error) from None
    mended = _ESCAPE.sub(_without_half, text)
    try:
        return decoder.decode(mended)
    except msgspec.MsgspecError as error:
        raise _refusal(mended, error) from None


def _without_half(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]


def _refusal(text: bytes, error: msgspec.MsgspecError) -> InputError:
    """Return why a typed reader failed on `text`: a wrong form comes before a wrong value.

    `text` has passed `check_text`. Messages of msgspec name fields and types, never values.
    """
    if isinstance(error, msgspec.ValidationError):
        try:
            _form.decode(text)
        except msgspec.MsgspecError as worse:
            error = worse
        else:
            return InputError("invalid", str(error))
    if "trailing characters" in str(error):
        return InputError("malformed", _several(text) or str(error))
    return InputError("malformed", _no_object(text) or str(error))


def _no_object(text: bytes) -> str | None:
    """Return what a JSON value is that is no object, and what to do; None if it is an object."""
    found = _KIND.match(text)
    if found is None or found[1] == b"{" or not is_json(text):
        return None
    if found[1] == b"[":
        return (
            f"a JSON list: {_ONE_A_RECORD} (in a file, a list of objects is read as its objects)"
        )
    return f"a JSON value that is no object: {_ONE_A_RECORD}"


def _several(text: bytes) -> str | None:
    """Return what to do with text that is no JSON value, but begins with a whole object."""
    if not text.lstrip().startswith(b"{"):
        return None
    characters = text.decode("latin-1")
    begin = len(text) - len(text.lstrip())
    try:
        end = _objects.raw_decode(characters, begin)[1]
    except (ValueError, RecursionError):
        return None
    if not characters[end:].lstrip(" \t\r\n").startswith("{"):
        return None
    return f"several JSON objects, one behind the other: {_ONE_A_RECORD}"


def read_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object that `text` holds; raises InputError."""
    check_text(text)
    try:
        value = _value.decode(text)
    except msgspec.MsgspecError as error:
        value = decode_again(_value, text, error)
    if not isinstance(value, dict):
        raise InputError("malformed", _no_object(text) or "not a JSON object")
    return value


def _brackets(text: bytes) -> bytes:
    """Return the brackets of `text` outside strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"')[::2]).translate(None, _NOT_BRACKETS)


def _is_shallow(brackets: bytes) -> bool:
    """Return whether brackets nest to few levels, by removing innermost pairs."""
    for _ in range(_PEELED_MAX):
        peeled = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not peeled:
            return True
        if len(peeled) > len(brackets) // 4 * 3:
            return False
        brackets = peeled
    return False


def _check_depth(text: bytes, brackets: bytes) -> None:
    """Raise InputError if `text` is nested too deeply: `malformed` if not JSON, else `invalid`."""
    depths = bytes(map((_LEVELS - 1).__and__, accumulate(brackets.translate(_STEPS))))
    if not depths.translate(None, _NOT_DEEP):
        return
    if depths[-1]:
        raise InputError("malformed", "a bracket opens or closes alone")
    if not text.lstrip().startswith(b"{"):
        raise InputError("malformed", "not a JSON object")
    _check_deep_form(text, brackets, depths.translate(_FOLDED))
    raise InputError("invalid", f"nested deeper than {DEPTH_MAX} levels")


def _check_deep_form(text: bytes, brackets: bytes, levels: bytes) -> None:
    """Raise InputError `malformed` if `text` is not JSON.

    `levels` are the depths after each bracket, modulo DEPTH_MAX. At each crossing of one level,
    the span below is cut out, checked by itself, and replaced by `0` in the span around it. So
    the form of any depth is checked without recursion, each byte once.
    """
    places = list(compress(range(len(text)), _without_strings(text).translate(_IS_BRACKET)))
    first = _first_cut(levels)
    last = (first - 1) % DEPTH_MAX
    # A span lies between the bracket that leads to its first level and the one that leads back.
    is_near = bytes(level in (first, last) for level in range(256))
    spans: list[list[bytes]] = [[]]
    begins = [0]
    for bracket in compress(range(len(levels)), levels.translate(is_near)):
        place = places[bracket]
        if brackets[bracket] in _OPENING:
            if levels[bracket] == first:
                spans[-1].append(text[begins[-1] : place])
                spans.append([])
                begins.append(place)
        elif levels[bracket] == last:
            begin = begins.pop()
            if not begins:
                raise InputError("malformed", "a bracket closes without an opening one")
            _check_form(b"".join(spans.pop()) + text[begin : place + 1])
            spans[-1].append(b"0")
            begins[-1] = place + 1
    _check_form(b"".join(spans[0]) + text[begins[0] :])


def _first_cut(levels: bytes) -> int:
    """Return the level to cut at: the one that the fewest brackets cross."""
    crowds = [levels.count(level) for level in range(DEPTH_MAX)]
    return min(range(DEPTH_MAX), key=lambda level: crowds[level] + crowds[level - 1])


def _without_strings(text: bytes) -> bytes:
    """Return `text` with the content of strings replaced by blanks, of the same length."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    parts = text.split(b'"')
    parts[1::2] = [b" " * len(part) for part in parts[1::2]]
    return b'"'.join(parts)


def _check_form(text: bytes) -> None:
    try:
        _raw.decode(text)
    except msgspec.MsgspecError as error:
        # The position is one in the cut text, which the user does not see.
        detail = str(error).split(" (byte")[0]
        raise InputError("malformed", detail) from None
