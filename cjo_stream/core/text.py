"""Keys as text."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

KEY_CHARACTERS_MAX = 200


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


def _digest(text: str) -> str:
    return "\x00" + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()
