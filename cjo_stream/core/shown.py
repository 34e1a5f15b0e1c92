"""Texts of others as people are shown them: no character of them acts on a terminal."""

from __future__ import annotations

import json


def printable(text: str) -> str:
    """Return a text that a terminal only shows: other characters are replaced by a visible mark.

    >>> printable(chr(27) + "[31mred")
    '�[31mred'
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def escaped(text: str) -> str:
    """Return a text of JSON in which a terminal finds nothing to obey; its values are the same.

    >>> escaped('"a' + chr(0x202e) + '"') == json.dumps("a" + chr(0x202e))
    True
    """
    return text if text.isprintable() else "".join(map(_as_json, text))


def _as_json(character: str) -> str:
    if character.isprintable() or character == "\n":
        return character
    # What json escapes by itself lies beyond ASCII, as pairs where one escape is too short.
    return f"\\u{ord(character):04x}" if character.isascii() else json.dumps(character)[1:-1]


def _shown(character: str) -> str:
    return character if character.isprintable() or character in "\n\t" else "�"
