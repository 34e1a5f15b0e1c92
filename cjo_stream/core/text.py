"""Keys and names from producers, as a customer's state keeps them; times in words."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import msgspec

KEY_CHARACTERS_MAX = 200
NAME_CHARACTERS_MAX = 100
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 (UTC; its text then has no offset)


def key_text(key: Any) -> str:
    """Return the text by which a key is compared: equal for 7 and 7.0.

    A long key is replaced by its digest, so that the keys in a customer's state are bounded.
    """
    if type(key) is str:
        return key if len(key) <= KEY_CHARACTERS_MAX else _digest(key)
    if type(key) is float and key.is_integer():
        return str(int(key))
    text = msgspec.json.encode(key).decode()
    return text if len(text) <= KEY_CHARACTERS_MAX else _digest(text)


def short(name: str) -> str:
    """Return a name, or its digest if it may take more than a hundred bytes.

    >>> short("web e1"), len(short("web " + "ü" * 50))
    ('web e1', 33)
    """
    return name if len(name) <= NAME_CHARACTERS_MAX and name.isascii() else _digest(name)


def _digest(text: str) -> str:
    return "\x00" + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def moment_text(ms: int) -> str:
    """Return a time in UTC, marked with Z; milliseconds are shown if they are not 0.

    >>> moment_text(1_772_323_200_000)
    '2026-03-01 00:00:00Z'
    """
    moment = _EPOCH + dt.timedelta(milliseconds=ms)
    return moment.isoformat(" ", "milliseconds" if ms % 1000 else "seconds") + "Z"
