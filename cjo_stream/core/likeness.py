"""Which of some known names a name is meant to be: `surely`, or as a hint, `nearest`.

What refuses an event or fails a command asks `surely`, as a good name that is taken for a
misspelt one stops what is right. `nearest` only adds words to what is wrong anyway.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

CHARACTERS_MAX: Final = 80
"""Of a name; a longer one is like none."""
_EDITED_MIN: Final = 5
"""Letters of a word with an edit: `data` and `date` are two words."""
_BETWEEN: Final = re.compile(r"[\W_]+")
_DIGITS: Final = re.compile(r"\d+")


def surely(name: str, words: Iterable[str]) -> str | None:
    """Return the word that a name is the same as, or surely misspells; None if there is none.

    The same are names that differ in case, in what is between their parts, or by a plural's end.
    A misspelt one has a letter more, less or another, or two in the wrong order. It has the same
    first letter, the same digits and no further part, and does not go on behind the word.

    >>> [surely(name, ["channel", "action_id"]) for name in ("Channels", "chanel", "actionId")]
    ['channel', 'channel', 'action_id']
    >>> [surely(name, ["channel"]) for name in ("channel_id", "channel2", "xchannel", "kanal")]
    [None, None, None, None]
    """
    return _surely(name, tuple(sorted(words))) if len(name) <= CHARACTERS_MAX else None


def nearest(name: str, words: Iterable[str]) -> str | None:
    """Return the word closest to a name, for a hint; None if none is close.

    >>> nearest("cart_remider", ["cart_reminder", "welcome"])
    'cart_reminder'
    """
    if len(name) > CHARACTERS_MAX:
        return None
    return next(iter(difflib.get_close_matches(name, sorted(words), 1)), None)


@lru_cache(1024)
def _surely(name: str, words: tuple[str, ...]) -> str | None:
    one, known = folded_name(name), _folded(words)
    for word, other in known:
        if _is_same(one, other):
            return word
    for word, other in known:
        if _is_slip(one, other) and _parts(name) <= _parts(word):
            return word
    return None


@lru_cache(64)
def _folded(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, folded_name(word)) for word in words]


def folded_name(name: str) -> str:
    """Return the letters and digits of a name, in lower case.

    >>> folded_name("Order-ID")
    'orderid'
    """
    return _BETWEEN.sub("", name).lower()


def _is_same(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return bool(short) and long in (short, f"{short}s", f"{short}es")


def _is_slip(one: str, other: str) -> bool:
    return (
        min(len(one), len(other)) >= _EDITED_MIN
        and one[0] == other[0]
        and abs(len(one) - len(other)) <= 1
        and _is_one_edit(one, other)
        and _DIGITS.findall(one) == _DIGITS.findall(other)
        and not (one[:-1] == other and one[-1] != other[-1])
    )


def _parts(name: str) -> int:
    return len(_BETWEEN.findall(name))


def _is_one_edit(one: str, other: str) -> bool:
    """Return whether one insertion, deletion, substitution or transposition is between two."""
    short, long = sorted((one, other), key=len)
    at = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), None)
    if at is None:
        return len(long) - len(short) == 1
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at : at + 2] == long[at : at + 2][::-1]
    return short[at + 1 :] == long[at + 1 :] or (swapped and short[at + 2 :] == long[at + 2 :])
