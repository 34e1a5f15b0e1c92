"""Recognises the tenant's key by a fingerprint, which an installation keeps from its first start.

Customers' ids, and their partitions, are derived from the key. With another key every customer
would silently become a new one, so each process compares the key before it uses it.

Everybody who can read the installation's topics can read the fingerprint. It is an HMAC, like the
hashes of identifiers, over a text that no identifier has (those contain a NUL), cut to 8 bytes. It
makes guessing a weak key no easier than the hash of a known identifier does, so the key must be
random. It reveals nothing about identifiers or their hashes.
"""

from __future__ import annotations

import hmac
from typing import Final

from cjo_stream.errors import RefusalError

_LABEL: Final = b"cjo-stream: the fingerprint of a tenant's key"
_BYTES: Final = 8


def fingerprint(tenant_key: bytes) -> str:
    """Return the first 8 bytes of HMAC-SHA256(tenant key, a fixed text), as 16 hex digits."""
    return hmac.digest(tenant_key, _LABEL, "sha256")[:_BYTES].hex()


def check_fingerprint(tenant_key: bytes, kept: str, whose: str) -> None:
    """Raise RefusalError if `kept` is the fingerprint of another key.

    `whose` names the keeper of the fingerprint, for the message.
    """
    given = fingerprint(tenant_key)
    if given != kept:
        raise RefusalError(
            f"CJO_TENANT_KEY is not the key of {whose} (its fingerprint is {kept}, that of the "
            f"key given {given}): with it every customer would be a new one. Set CJO_TENANT_KEY, "
            "or put into the file that CJO_TENANT_KEY_FILE names, the key that it was made with "
            "(of a demo: unset it); another key is for another installation"
        )
