"""JSON text as it comes: what is well-formed, what is too deep, what no number can hold.

Legal JSON is refused, as `invalid`, where it is nested deeper than 64 levels anywhere, or where a
field that is read holds a number no interpreter would (a float beyond 64 bits, an integer of more
than 4,300 digits). Of a key given twice the last value counts, as with most readers of JSON.

Whatever the text, the work grows with its length, and no faster: no byte is looked at again for
what stands elsewhere.
"""

from __future__ import annotations

from itertools import accumulate, compress
from typing import Any

import msgspec

from cjo_stream.errors import InputError

DEPTH_MAX = 64
_LEVELS = 2 * DEPTH_MAX
"""Depths are told apart modulo this: no text comes from one beyond DEPTH_MAX back to 0 unseen."""
_OPENING = b"[{"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_IS_BRACKET = bytes(byte in b"[]{}" for byte in range(256))
_STEPS = bytes(1 if byte in _OPENING else _LEVELS - 1 for byte in range(256))
_FOLDED = bytes(level % DEPTH_MAX for level in range(256))
_NOT_DEEP = bytes(range(DEPTH_MAX + 1))
_PEELED_MAX = 8
"""Levels of nesting that events have, amply."""


class _Nothing(msgspec.Struct):
    """Has no fields, so reading one checks the text's form and skips all values."""


_form = msgspec.json.Decoder(_Nothing)
_value = msgspec.json.Decoder(Any)
_raw = msgspec.json.Decoder(msgspec.Raw)


def check_text(text: bytes) -> None:
    """Raise InputError where `text` is no UTF-8, or nested too deep for a reader to recurse.

    Depth is judged here, not by running into the interpreter's limit, which depends on who calls.
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


def refusal(text: bytes, error: msgspec.MsgspecError) -> InputError:
    """Return why a typed reader failed on `text`: a form that is wrong outweighs a value that is.

    `text` has passed `check_text`. msgspec's messages name fields and types, never a value.
    """
    if isinstance(error, msgspec.ValidationError):
        try:
            _form.decode(text)
        except msgspec.MsgspecError as worse:
            return InputError("malformed", str(worse))
        return InputError("invalid", str(error))
    return InputError("malformed", str(error))


def read_object(text: bytes) -> dict[str, Any]:
    """Return the JSON object that `text` holds; raises InputError."""
    check_text(text)
    try:
        value = _value.decode(text)
    except msgspec.MsgspecError as error:
        raise refusal(text, error) from None
    if not isinstance(value, dict):
        raise InputError("malformed", "not a JSON object")
    return value


def _brackets(text: bytes) -> bytes:
    """Return the brackets of `text` that stand outside of strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"')[::2]).translate(None, _NOT_BRACKETS)


def _is_shallow(brackets: bytes) -> bool:
    """Return whether brackets pair to few levels, by peeling off innermost pairs."""
    for _ in range(_PEELED_MAX):
        peeled = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not peeled:
            return True
        if len(peeled) > len(brackets) // 4 * 3:
            return False
        brackets = peeled
    return False


def _check_depth(text: bytes, brackets: bytes) -> None:
    """Raise InputError where `text` is nested too deep: `malformed`, or else `invalid`."""
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
    """Raise InputError `malformed` where `text` is no JSON.

    `levels` are the depths after each bracket, modulo DEPTH_MAX. Each time that one of them comes
    again, the span below is cut out, checked by itself, and stands as a `0` in the span around it:
    so the form of any depth is checked without recursion, each byte once.
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
                raise InputError("malformed", "a bracket closes that none opened")
            _check_form(b"".join(spans.pop()) + text[begin : place + 1])
            spans[-1].append(b"0")
            begins[-1] = place + 1
    _check_form(b"".join(spans[0]) + text[begins[0] :])


def _first_cut(levels: bytes) -> int:
    """Return the level to cut at: the one that the fewest brackets lead to or back from."""
    crowds = [levels.count(level) for level in range(DEPTH_MAX)]
    return min(range(DEPTH_MAX), key=lambda level: crowds[level] + crowds[level - 1])


def _without_strings(text: bytes) -> bytes:
    """Return `text` with as many blanks for what stands within strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    parts = text.split(b'"')
    parts[1::2] = [b" " * len(part) for part in parts[1::2]]
    return b'"'.join(parts)


def _check_form(text: bytes) -> None:
    try:
        _raw.decode(text)
    except msgspec.MsgspecError as error:
        # Its position is one in the cut text: of no use to the reader.
        detail = str(error).split(" (byte")[0]
        raise InputError("malformed", detail) from None
