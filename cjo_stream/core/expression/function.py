"""The table of functions: implementation, number of arguments, needs.

An implementation takes the scope and its arguments, and returns a value, or None for missing. It
never gets a missing argument: the compiled code checks before. `coalesce` and `has` accept missing
arguments; the compiler implements them, and only their rows are here.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from cjo_stream.core.duration import parse_duration
from cjo_stream.core.expression import calendar
from cjo_stream.core.expression import timestamp as moment
from cjo_stream.core.expression.scope import Scope
from cjo_stream.core.expression.value import (
    INT_MAX,
    NUMBERS,
    bounded,
    bounded_text,
    bounded_value,
    fault,
    same,
    unread,
    within,
)

ARGUMENTS_MAX = 100
TYPE_MAX = 100
_DIGITS_MAX = 15
_SLUGS_KEPT = 1024
_PIECE = 64
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")
_JSON = msgspec.json.Encoder(order="deterministic")


def _len(s: Scope, x: Any) -> Any:
    return len(x) if type(x) in (str, list, dict) else fault(s, x)


def _of_text(change: Callable[[str], str]) -> Callable[[Scope, Any], Any]:
    def changed(s: Scope, x: Any) -> Any:
        return bounded_text(change(x)) if type(x) is str else fault(s, x)

    return changed


def slug(text: str) -> str:
    """Return the letters and digits of a text, in lower case, joined by `_`; accents are dropped.

    >>> slug("W_Nabellen offertes")
    'w_nabellen_offertes'
    """
    folded = text.casefold()
    if not folded.isascii():
        # In pieces: ordering n accents in a row takes O(n^2), and all are dropped anyway.
        pieces = (folded[i : i + _PIECE] for i in range(0, len(folded), _PIECE))
        decomposed = "".join(unicodedata.normalize("NFKD", piece) for piece in pieces)
        folded = decomposed.encode("ascii", "ignore").decode()
    return _NOT_SLUG.sub("_", folded).strip("_")


def _slug(text: str) -> str:
    return _slug_kept(text) if len(text) <= TYPE_MAX else _slug_anew(text)


def _slug_anew(text: str) -> str:
    return slug(text)[:TYPE_MAX].rstrip("_")


_slug_kept = lru_cache(_SLUGS_KEPT)(_slug_anew)
"""For short texts, as names of activities, of which a topology has few."""


def _abs(s: Scope, x: Any) -> Any:
    return bounded(abs(x)) if type(x) in NUMBERS else fault(s, x)


def _extreme(choose: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def chosen(s: Scope, *given: Any) -> Any:
        whole = given[0] if len(given) == 1 and type(given[0]) is list else given
        values = [value for value in whole if value is not None]
        if not values:
            return None
        are_numbers = all(type(value) in NUMBERS for value in values)
        if are_numbers or all(type(value) is str for value in values):
            return choose(values)
        return fault(s, *given)

    return chosen


def _round(s: Scope, x: Any, *given: Any) -> Any:
    if type(x) not in NUMBERS or any(type(digits) is not int for digits in given):
        return fault(s, x, *given)
    if bounded(x) is None or any(abs(digits) > _DIGITS_MAX for digits in given):
        return None
    try:
        return bounded(round(x, *given))
    except OverflowError:
        return None


def _int(s: Scope, x: Any) -> Any:
    if type(x) is str:
        text = x.strip()
        return bounded(int(text)) if _WHOLE.fullmatch(text) else _no_number(s, x)
    if type(x) in NUMBERS:
        return None if bounded(x) is None else bounded(int(x))
    return int(x) if type(x) is bool else fault(s, x)


def _float(s: Scope, x: Any) -> Any:
    if type(x) is str:
        text = x.strip()
        return bounded(float(text)) if _DECIMAL.fullmatch(text) else _no_number(s, x)
    if type(x) in NUMBERS:
        return float(x) if bounded(x) is not None else None
    return float(x) if type(x) is bool else fault(s, x)


def _no_number(s: Scope, text: str) -> Any:
    """Count a text that is no number; a blank one is the absence of one, as tables write it."""
    return unread(s, text) if text.strip() else None


def text_of(x: Any) -> str | None:
    """Return a value as JSON text, but a text as it is, and 7.0 as 7; None beyond the bounds."""
    if type(x) is str:
        return x
    if bounded_value(x) is None:
        return None
    if type(x) is float and x.is_integer() and abs(x) <= INT_MAX:
        return str(int(x))
    try:
        return bounded_text(_JSON.encode(x).decode())
    except UnicodeError:
        return None


def _str(_: Scope, x: Any) -> str | None:
    return text_of(x)


def _contains(s: Scope, whole: Any, part: Any) -> Any:
    return within(s, part, whole)


def _lookup(s: Scope, whole: Any, field: Any, wanted: Any) -> Any:
    """The first object of a list whose `field` equals `wanted`."""
    if type(whole) is not list or type(field) is not str:
        return fault(s, whole, field)
    for element in whole:
        if type(element) is dict and field in element and same(element[field], wanted):
            return element
    return None


def _starts_with(s: Scope, text: Any, start: Any) -> Any:
    return (
        text.startswith(start)
        if type(text) is str and type(start) is str
        else fault(s, text, start)
    )


def _duration(s: Scope, text: Any) -> Any:
    if type(text) is not str:
        return fault(s, text)
    try:
        duration_ms = parse_duration(text)
    except ValueError:
        return unread(s, text) if text.strip() else None
    return duration_ms if duration_ms <= INT_MAX else None


def _bucket(s: Scope, x: Any, buckets: Any) -> Any:
    """A stable hash: BLAKE2b (RFC 7693) of the value as text, 8 bytes, modulo `buckets`."""
    if type(buckets) is not int:
        return fault(s, buckets)
    text = text_of(x)
    if text is None or not 0 < buckets <= INT_MAX:
        return None
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % buckets


def _consented(s: Scope, purpose: Any, channel: Any) -> Any:
    if type(purpose) is not str or type(channel) is not str:
        return fault(s, purpose, channel)
    if s.profile is None:
        return None
    answer = s.profile.consented(purpose.lower(), channel.lower())
    return unread(s, channel) if answer is None else answer


class Function(NamedTuple):
    """A row of the table. `run` is None if the compiler implements the function."""

    run: Callable[..., Any] | None
    fewest: int
    most: int
    needs_customer: bool = False
    """Reads `now`, the customer's time zone or consent, which a `map` does not have."""
    passes: bool = False
    """May return an argument, or an element of one, unchanged."""
    optional: frozenset[int] = frozenset()
    """Positions of arguments that may be missing: then they count as left out."""

    @property
    def takes(self) -> str:
        """The number of arguments, in words."""
        if self.most == ARGUMENTS_MAX:
            return f"{self.fewest} or more arguments"
        between = "or" if self.most - self.fewest == 1 else "to"
        numbers = str(self.fewest)
        if self.fewest != self.most:
            numbers += f" {between} {self.most}"
        return f"{numbers} argument{'' if self.most == 1 else 's'}"


FUNCTIONS: dict[str, Function] = {
    "len": Function(_len, 1, 1),
    "lower": Function(_of_text(str.lower), 1, 1),
    "upper": Function(_of_text(str.upper), 1, 1),
    "slug": Function(_of_text(_slug), 1, 1),
    "abs": Function(_abs, 1, 1),
    "min": Function(_extreme(min), 1, ARGUMENTS_MAX, passes=True),
    "max": Function(_extreme(max), 1, ARGUMENTS_MAX, passes=True),
    "round": Function(_round, 1, 2),
    "int": Function(_int, 1, 1),
    "float": Function(_float, 1, 1),
    "str": Function(_str, 1, 1),
    "coalesce": Function(None, 1, ARGUMENTS_MAX, passes=True),
    "has": Function(None, 1, 1),
    "contains": Function(_contains, 2, 2),
    "starts_with": Function(_starts_with, 2, 2),
    "duration": Function(_duration, 1, 1),
    "days_since": Function(calendar.days_since, 1, 1, needs_customer=True),
    "hours_since": Function(calendar.hours_since, 1, 1, needs_customer=True),
    "weekday": Function(calendar.weekday, 0, 1, needs_customer=True),
    "hour": Function(calendar.hour, 0, 1, needs_customer=True),
    "date": Function(calendar.date, 0, 1, needs_customer=True),
    "timestamp": Function(moment.timestamp, 1, 3, optional=frozenset((1, 2))),
    "lookup": Function(_lookup, 3, 3, passes=True),
    "next_time": Function(calendar.next_time, 1, 2, needs_customer=True),
    "bucket": Function(_bucket, 2, 2),
    "consented": Function(_consented, 2, 2, needs_customer=True),
}


def literal_problem(name: str, position: int, fixed: Any) -> str | None:
    """Return the problem of a literal argument, if it is known at load, else None.

    >>> literal_problem("next_time", 1, ["mon", "tues"])
    "'tues' is not a day: mon, tue, wed, thu, fri, sat, sun"
    """
    if name == "duration" and type(fixed) is str:
        try:
            parse_duration(fixed)
        except ValueError as error:
            return str(error)
    if name == "timestamp":
        return moment.problem(position, fixed)
    if name == "next_time" and position == 0 and type(fixed) is str:
        return calendar.clock_problem(fixed)
    if name == "next_time" and type(fixed) is list:
        return calendar.days_problem([day for day in fixed if day is not None])
    return None
