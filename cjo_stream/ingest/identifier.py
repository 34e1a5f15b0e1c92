"""How identifiers are named: by a keyed hash, so that no key or log shows a value."""

from __future__ import annotations

import hmac

_HASH_BYTES = 16


def identifier_hash(tenant_key: bytes, type_: str, value: str) -> str:
    """Return the first 16 bytes of HMAC-SHA256(tenant key, type NUL value), as 32 hex digits.

    `value` is normalised. A type's name holds no NUL, so no two pairs share a text.
    """
    text = f"{type_}\0{value}".encode()
    return hmac.digest(tenant_key, text, "sha256")[:_HASH_BYTES].hex()
