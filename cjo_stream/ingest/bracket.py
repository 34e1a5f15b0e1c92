"""Where a JSON value in brackets ends: its end is found piece by piece, without reading values.

    { "a" : [ 1 , 2 ] , "b" : "x}" }        brackets count outside strings only
    ^                              ^

Between brackets only what JSON allows there may stand: a string has no line end in it and is
followed by `:`, `,` or a closing bracket; a bracket opens behind `:`, `,` or `[`. So most broken
values are found out where they break, not at the end of the text. A value of more levels than a
record may have counts as broken, which bounds the work where each line begins what never ends.
"""

from __future__ import annotations

import enum
import re
from typing import Final

from cjo_stream.ingest.format.document import DEPTH_MAX

_STRING: Final = rb'"(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+"'
_PLAIN: Final = rb'(?:[^"{}\[\]]++|' + _STRING + rb"(?=[ \t\r\n]*+[:,}\]]))*+"
_UP_TO_BRACKET: Final = re.compile(_PLAIN + rb"(?=[{}\[\]])")
_BETWEEN: Final = re.compile(_PLAIN)
_CUT_STRING: Final = re.compile(
    rb'"(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+(?:\\?\Z|"[ \t\r\n]*+\Z)'
)
_BLANK: Final = b" \t\r\n"
_CLOSES: Final = {ord("}"): ord("{"), ord("]"): ord("[")}
_LIST: Final = ord("[")


class Standing(enum.Enum):
    """What is known of a value's end."""

    ENDED = "ended"
    OPEN = "open"
    """The text ends before the value does."""
    BROKEN = "broken"
    """No text that follows can make it a JSON value."""


class Bracketed:
    """Finds the end of one value that begins with `{` or `[`."""

    def __init__(self) -> None:
        self.length = 0
        """Bytes of the value that were looked at; of one that ended, all."""
        self._open: list[int] = []
        self._before = b""
        """The last byte, no blank, before the place that was reached."""

    def go_on(self, text: bytes, begin: int) -> Standing:
        """Look at more of the value, which begins at `begin` of `text`."""
        opened = self._open
        while True:
            at = begin + self.length
            found = _UP_TO_BRACKET.match(text, at)
            if found is None:
                return self._standing(text, at)
            end = found.end()
            if end > at:
                self._before = text[at:end].rstrip(_BLANK)[-1:] or self._before
            bracket = text[end]
            if bracket in _CLOSES:
                if not opened or opened.pop() != _CLOSES[bracket]:
                    return Standing.BROKEN
            elif (opened and not self._may_open(opened[-1])) or len(opened) == DEPTH_MAX:
                return Standing.BROKEN
            else:
                opened.append(bracket)
            self._before = text[end : end + 1]
            self.length = end + 1 - begin
            if not opened:
                return Standing.ENDED

    def _may_open(self, container: int) -> bool:
        return self._before in (b"[", b",") if container == _LIST else self._before == b":"

    def _standing(self, text: bytes, at: int) -> Standing:
        """Return whether what stands behind the last bracket may still go on."""
        found = _BETWEEN.match(text, at)
        end = found.end() if found is not None else at
        if end == len(text) or _CUT_STRING.match(text, end):
            return Standing.OPEN
        return Standing.BROKEN
