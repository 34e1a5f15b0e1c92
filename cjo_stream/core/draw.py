"""Stable draws: equal words give the same number on every machine."""

from __future__ import annotations

import hashlib


def share(*words: str) -> float:
    """Return a number in [0, 1) drawn from `words`."""
    digest = hashlib.blake2b("\x1f".join(words).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
