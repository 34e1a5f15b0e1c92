"""Names of other systems, converted to the form of this one."""

from __future__ import annotations

import re

from cjo_stream.core.expression.function import slug

_TYPE = re.compile(r"[a-z][a-z0-9_.]*", re.ASCII)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


NAME_CHARACTERS_MAX = 1_000
"""A longer text is not treated as a name, and stays as it is."""


def event_type(name: str) -> str:
    """Return `name` if it is a valid event type, else its words joined by `_`.

    >>> event_type("com.example.order_placed"), event_type("Order Completed")
    ('com.example.order_placed', 'order_completed')
    """
    return name if _TYPE.fullmatch(name) else snake_case(name)


def snake_case(name: str) -> str:
    """Return the words of `name` in lower case, joined by `_`; accents are dropped.

    >>> snake_case("firstName"), snake_case("userID"), snake_case("Lieblingsstück")
    ('first_name', 'user_id', 'lieblingsstuck')
    """
    if len(name) > NAME_CHARACTERS_MAX:
        return name
    return slug(_HUMP.sub("_", name))
