"""Names of other systems, converted to the form of this one.

    name                            event type
    com.example.order_placed        com.example.order_placed       it is an event type already
    Order Completed, orderCompleted order_completed                its words
    Order 주문                      order_jumun__f5bf1a41175d      words as spoken, and a digest
    2nd Purchase                    event_2nd_purchase__56230f27a226

Case, blanks and punctuation do not make two names: `Order completed` and `Order-Completed` are one
event. Anything else does. What an event type cannot hold is in the digest: letters beyond a to z
(so `Año` is not `Ano`), symbols (`C++` is not `C#`), a digit at the beginning, and what lies
beyond 100 characters. The type depends on the name alone, and two names do not share one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from cjo_stream.core.expression.function import slug
from cjo_stream.errors import InputError
from cjo_stream.ingest.format.script import latin

NAME_CHARACTERS_MAX = 1_000
"""A longer text is not treated as a name."""
_TYPE_CHARACTERS_MAX = 100
_DIGEST_CHARACTERS = 12
_READABLE_MAX = _TYPE_CHARACTERS_MAX - _DIGEST_CHARACTERS - len("__")
_LOST = "\N{REPLACEMENT CHARACTER}"
_CLASH = (
    "the name of the event ends as those that are made of other names, in `__` and 12 digits: "
    "send another name"
)

_TYPE = re.compile(r"[a-z][a-z0-9_.]*", re.ASCII)
_WITH_DIGEST = re.compile(r".*__[0-9a-f]{12}", re.ASCII)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MARKS = re.escape("!\"&'(),-./:;?[\\]_`{|}‐‑‒–—‘’“”„…·•«»")
_UNSEEN = re.compile("[\u00ad\u200b\ufeff]")
# A minus before a number is part of it.
_BETWEEN = re.compile(rf"((?<!\S)-(?=\d))|[\s{_MARKS}]+?")
_PLAIN = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_BLANKS = re.compile(r"_+")


@lru_cache(4096)
def event_type(name: str) -> str:
    """Return the event type for a name, the same one for no other; raises InputError.

    >>> event_type("com.example.order_placed"), event_type("Order Completed")
    ('com.example.order_placed', 'order_completed')
    >>> event_type("Ærø")
    'aero__4a74d1ce8f35'
    """
    if _TYPE.fullmatch(name) and len(name) <= _TYPE_CHARACTERS_MAX:
        if _WITH_DIGEST.fullmatch(name):
            raise InputError("invalid", _CLASH)
        return name
    if len(name) > NAME_CHARACTERS_MAX:
        raise InputError("invalid", f"a name of an event beyond {NAME_CHARACTERS_MAX} characters")
    if _LOST in name:
        raise InputError("invalid", "the name of the event has lost a character")
    words = _words(name)
    if not words:
        raise InputError("invalid", "the name of the event is empty")
    if _PLAIN.fullmatch(words) and len(words) <= _TYPE_CHARACTERS_MAX:
        return words
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    readable = slug(latin(words)) or "event"
    if not readable[0].isalpha():
        readable = f"event_{readable}"
    return f"{readable[:_READABLE_MAX].rstrip('_')}__{digest[:_DIGEST_CHARACTERS]}"


def snake_case(name: str) -> str:
    """Return the words of `name` in lower case, joined by `_`; accents are dropped.

    >>> snake_case("firstName"), snake_case("userID"), snake_case("Lieblingsstück")
    ('first_name', 'user_id', 'lieblingsstuck')
    """
    if len(name) > NAME_CHARACTERS_MAX:
        return name
    return slug(_HUMP.sub("_", name))


def _words(name: str) -> str:
    """Return a name without case, blanks and punctuation: the same text for the same name."""
    name = _UNSEEN.sub("", unicodedata.normalize("NFC", name))
    words = _BETWEEN.sub(lambda found: found[1] or "_", _HUMP.sub("_", name)).lower()
    return _BLANKS.sub("_", words).strip("_")
