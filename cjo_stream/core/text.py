"""Names that producers give, as a customer's state remembers them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

KEY_CHARACTERS_MAX = 200
NAME_CHARACTERS_MAX = 100


def key_text(key: Any) -> str:
    """Return a key as it is compared: text as it is, a whole number alike as 7 or 7.0.

    Of a long one the digest, so that the keys that a customer's state remembers are bounded.
    """
    if type(key) is str:
        return key if len(key) <= KEY_CHARACTERS_MAX else _digest(key)
    if type(key) is float and key.is_integer():
        return str(int(key))
    text = msgspec.json.encode(key).decode()
    return text if len(text) <= KEY_CHARACTERS_MAX else _digest(text)


def short(name: str) -> str:
    """Return a name as it is, or of one that may take over a hundred bytes the digest.

    >>> short("web e1"), len(short("web " + "ü" * 50))
    ('web e1', 33)
    """
    return name if len(name) <= NAME_CHARACTERS_MAX and name.isascii() else _digest(name)


def _digest(text: str) -> str:
    return "\x00" + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
