"""Signatures of Standard Webhooks (https://www.standardwebhooks.com), version 1.0.0.

webhook-id           the command's id: the receiver acts once for each
webhook-timestamp    when this request was made, seconds since the epoch
webhook-signature    of `id.timestamp.body`, `v1,` and base64 of HMAC-SHA256; one for each
                       secret, with a blank between
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks.webhooks import Webhook

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = (24, 64)
"""The least and the most bytes of a secret, by the specification."""


def read_secrets(text: str) -> list[Webhook]:
    """Return the secrets of a file, one a line; raises ValueError, which shows none of them."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found.append(Webhook(_key(line.strip(), number)))
    if not found:
        raise ValueError("it holds no secret")
    return found


def headers(secrets: Sequence[Webhook], id_: str, time_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a request.

    >>> secrets = read_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> body = b'{"test": 2432232314}'
    >>> headers(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    at, text = datetime.fromtimestamp(time_s, UTC), body.decode()
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(time_s),
        "webhook-signature": " ".join(one.sign(id_, at, text) for one in secrets),
    }


def _key(secret: str, number: int) -> bytes:
    least, most = SECRET_BYTES
    wanted = f"{PREFIX} and base64 of {least} to {most} bytes"
    if not secret.startswith(PREFIX):
        raise ValueError(f"line {number} does not begin with {PREFIX}: write {wanted}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"line {number} is not base64: write {wanted}") from None
    if not least <= len(key) <= most:
        raise ValueError(f"line {number} has {len(key)} bytes: write {wanted}")
    return key
