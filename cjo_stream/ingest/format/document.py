"""JSON text as it comes: what is well-formed, what is too deep, what no number can hold.

Legal JSON is refused, as `invalid`, where it is nested deeper than 64 levels anywhere, or where a
field that is read holds a number no interpreter would (a float beyond 64 bits, an integer of more
than 4,300 digits). Of a key given twice the last value counts, as with most readers of JSON.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cjo_stream.errors import InputError

DEPTH_MAX = 64
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_NO_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[^\[\]{}"]+', re.DOTALL)
_INNERMOST = re.compile(rb"\[\]|\{\}")
_OPENING = (0x5B, 0x7B)
_QUOTE = 0x22


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
    if text.count(b"{") + text.count(b"[") > DEPTH_MAX and not _is_shallow(text):
        _check_depth(text)


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


def _is_shallow(text: bytes) -> bool:
    """Return whether `text` is surely not too deep, by peeling off innermost pairs."""
    brackets = _NO_BRACKET.sub(b"", text)
    for _ in range(DEPTH_MAX):
        brackets = _INNERMOST.sub(b"", brackets)
        if not brackets:
            return True
    return False


def _check_depth(text: bytes) -> None:
    """Raise InputError where `text` is nested too deep: `malformed`, or else `invalid`.

    Every DEPTH_MAX levels the span below is cut out, checked by itself, and stands as a `0` in
    the span around it: so the form of any depth is checked without recursion, each byte once.
    """
    spans: list[list[bytes]] = [[]]
    begins = [0]
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        kind = text[token.start()]
        if kind == _QUOTE:
            continue
        if kind in _OPENING:
            if depth and depth % DEPTH_MAX == 0:
                spans[-1].append(text[begins[-1] : token.start()])
                spans.append([])
                begins.append(token.start())
            depth += 1
            deepest = max(deepest, depth)
            continue
        depth -= 1
        if depth < 0:
            raise InputError("malformed", "a bracket closes that none opened")
        if depth and depth % DEPTH_MAX == 0:
            begin = begins.pop()
            _check_form(b"".join(spans.pop()) + text[begin : token.end()])
            spans[-1].append(b"0")
            begins[-1] = token.end()
    if deepest <= DEPTH_MAX:
        return
    if depth:
        raise InputError("malformed", "a bracket opens that none closes")
    outermost = b"".join(spans[0]) + text[begins[0] :]
    _check_form(outermost)
    if not outermost.lstrip().startswith(b"{"):
        raise InputError("malformed", "not a JSON object")
    raise InputError("invalid", f"nested deeper than {DEPTH_MAX} levels")


def _check_form(text: bytes) -> None:
    try:
        _raw.decode(text)
    except msgspec.MsgspecError as error:
        # Its position is one in the cut text: of no use to the reader.
        detail = str(error).split(" (byte")[0]
        raise InputError("malformed", detail) from None
