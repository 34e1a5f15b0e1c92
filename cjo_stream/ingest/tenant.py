"""The tenant's key, known again: by a fingerprint that an installation keeps from its first day.

With another key every customer would be a stranger, in silence: their ids, and the partitions
they lie in, derive from it. So whoever uses the key compares it first.

The fingerprint is public to whoever reads the installation's topics. It is an HMAC as identifiers'
hashes are, over a text that no identifier has (those hold a NUL), cut to 8 bytes. It helps to find
a key that can be guessed, but no more than the hash of one identifier that one knows oneself: the
key has to be a random one. Nothing else follows from it, identifiers' hashes least of all.
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
    """Raise RefusalError where `kept` is another key's; `whose` says what keeps it, in words."""
    given = fingerprint(tenant_key)
    if given != kept:
        raise RefusalError(
            f"CJO_TENANT_KEY is not the key of {whose} (its fingerprint is {kept}, that of the "
            f"key given {given}): with it every customer would be a stranger. Set CJO_TENANT_KEY "
            "to the key that it was made with (of a demo: unset it); another key is for another "
            "installation"
        )
