"""Keys as text."""

from __future__ import annotations

from typing import Any

import msgspec


def key_text(key: Any) -> str:
    """Return a key as it is compared: text as it is, a whole number alike as 7 or 7.0."""
    if type(key) is str:
        return key
    if type(key) is float and key.is_integer():
        return str(int(key))
    return msgspec.json.encode(key).decode()
