"""The event types of built-in meaning, and the attributes that they are read by.

All types that begin with `cjo.` are the engine's own: no other can be meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

OWN: Final = "cjo."
BUILT_IN: Final[dict[str, tuple[str, ...]]] = {
    "cjo.profile": (),
    "cjo.consent": ("purpose", "channel", "status"),
    "cjo.outcome": ("action_id", "action", "channel", "outcome", "value", "issue", "group"),
}
"""The attributes of each type; those of `cjo.profile` are the facts."""

_LIKENESS_MIN: Final = 0.8
_CHARACTERS_MAX: Final = 40


def meant(name: str, words: Iterable[str]) -> str | None:
    """Return the word that a name surely misspells, in any case; None if there is none.

    >>> meant("Chanel", ["purpose", "channel"]), meant("source", ["purpose", "channel"])
    ('channel', None)
    """
    return _meant(name, tuple(words)) if len(name) <= _CHARACTERS_MAX else None


@lru_cache(1024)
def _meant(name: str, words: tuple[str, ...]) -> str | None:
    return next(iter(difflib.get_close_matches(name.lower(), words, 1, _LIKENESS_MIN)), None)
