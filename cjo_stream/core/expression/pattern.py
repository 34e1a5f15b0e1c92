"""Patterns of times, as of Python's `strptime`, but the same on every machine.

Python's own reads names of months and days in the language of the process. Here they are English.
What depends on the machine (`%c %x %X`), or counts weeks from 0 (`%U %W`), is refused, and so is a
pattern without a year, for which Python would take 1900.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

Parts = tuple[dt.datetime, dt.timedelta | None, int]
"""The time as written, without a zone; its offset, if it has one; ms to add for a leap second."""

CHARACTERS_MAX: Final = 100
MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TWO: Final = "0[0-9]|[1-5][0-9]|[0-9]"
_DIRECTIVES: Final = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "1[0-2]|0[1-9]|[1-9]",
    "d": "3[01]|[12][0-9]|0[1-9]|[1-9]| [1-9]",
    "H": "2[0-3]|[01][0-9]|[0-9]",
    "I": "1[0-2]|0[1-9]|[1-9]| [1-9]",
    "M": _TWO,
    "S": f"60|{_TWO}",
    "f": "[0-9]{1,6}",
    "p": "am|pm",
    "j": "36[0-6]|3[0-5][0-9]|[12][0-9]{2}|0[1-9][0-9]|00[1-9]|[1-9][0-9]|0[1-9]|[1-9]",
    "B": "|".join(MONTHS),
    "b": "|".join(name[:3] for name in MONTHS),
    "A": "|".join(DAYS),
    "a": "|".join(name[:3] for name in DAYS),
    "G": "[0-9]{4}",
    "V": "5[0-3]|0[1-9]|[1-4][0-9]|[1-9]",
    "u": "[1-7]",
    "w": "[0-6]",
    "z": "[+-][0-9]{2}:?[0-5][0-9](?::?[0-5][0-9])?|z",
    "Z": "utc|gmt|z",
}
_ELSEWHERE: Final = {
    "c": "it depends on the machine's language",
    "x": "it depends on the machine's language",
    "X": "it depends on the machine's language",
    "U": "write the ISO week, %G %V %u",
    "W": "write the ISO week, %G %V %u",
    "s": "a number of seconds is read with the unit 's'",
    "T": "write %H:%M:%S",
    "D": "write %m/%d/%y",
    "F": "write %Y-%m-%d",
    "e": "write %d",
}
_MINUTE: Final = dt.timedelta(minutes=1)


class _PatternError(Exception):
    """Says what is wrong with a pattern."""


def pattern_problem(text: str) -> str | None:
    """Return what is wrong with a pattern, or None.

    >>> pattern_problem("%d.%m. %H:%M")
    "the pattern '%d.%m. %H:%M' has no year: add %Y"
    """
    try:
        _compiled(text)
    except _PatternError as error:
        return str(error)
    return None


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Callable[[str], Parts | None] | None:
    """Return what reads a text by the pattern `text`; None for a wrong pattern.

    Reading raises ValueError for a day or year that the calendar does not have.
    """
    try:
        compiled = _compiled(text)
    except _PatternError:
        return None

    def read(given: str) -> Parts | None:
        match = compiled.fullmatch(given)
        return None if match is None else _parts(match.groupdict())

    return read


def _compiled(text: str) -> re.Pattern[str]:
    if len(text) > CHARACTERS_MAX:
        raise _PatternError(f"a pattern has at most {CHARACTERS_MAX} characters")
    found: set[str] = set()
    pieces: list[str] = []
    position = 0
    while position < len(text):
        letter = text[position]
        position += 1
        if letter.isspace():
            if pieces[-1:] != [r"\s+"]:
                pieces.append(r"\s+")
        elif letter != "%":
            pieces.append(re.escape(letter))
        else:
            name = text[position : position + 1]
            position += 1
            pieces.append("%" if name == "%" else _directive(text, name, found))
    _check(text, found)
    return re.compile("".join(pieces), re.IGNORECASE | re.ASCII)


def _directive(text: str, name: str, found: set[str]) -> str:
    if name in _ELSEWHERE:
        raise _PatternError(f"the pattern {text!r} has '%{name}': {_ELSEWHERE[name]}")
    if name not in _DIRECTIVES:
        known = " ".join(f"%{one}" for one in _DIRECTIVES)
        raise _PatternError(f"the pattern {text!r} has the unknown '%{name}'; known: {known}")
    if name in found:
        raise _PatternError(f"the pattern {text!r} has '%{name}' twice")
    found.add(name)
    return f"(?P<{name}>{_DIRECTIVES[name]})"


def _check(text: str, found: set[str]) -> None:
    """Raise _PatternError where the parts do not make a day, or contradict each other."""
    if not found & set("YyG"):
        raise _PatternError(f"the pattern {text!r} has no year: add %Y")
    if "G" in found and not ("V" in found and found & set("uwaA") and not found & set("Yy")):
        raise _PatternError(f"the pattern {text!r}: %G goes with %V and %u, and without %Y")
    if "V" in found and "G" not in found:
        raise _PatternError(f"the pattern {text!r}: %V goes with %G")
    if "I" in found and "p" not in found:
        raise _PatternError(f"the pattern {text!r} has %I, hours of 12: add %p, or write %H")
    if "p" in found and "I" not in found:
        raise _PatternError(f"the pattern {text!r} has %p: write %I for its hours")
    for one, other in ("Yy", "Bb", "Bm", "bm", "Aa", "HI", "zZ"):
        if one in found and other in found:
            raise _PatternError(f"the pattern {text!r} has both %{one} and %{other}")


def _parts(of: dict[str, str]) -> Parts:
    day = _day(of)
    hour = int(of.get("H", "0"))
    if "I" in of:
        hour = int(of["I"]) % 12 + (12 if of["p"].lower() == "pm" else 0)
    second, leap_ms = int(of.get("S", "0")), 0
    if second == 60:
        second, leap_ms = 59, 1000
    microsecond = int(of.get("f", "0").ljust(6, "0"))
    time = dt.time(hour, int(of.get("M", "0")), second, microsecond)
    return dt.datetime.combine(day, time), _offset(of), leap_ms


def _day(of: dict[str, str]) -> dt.date:
    """Return the day; a day of the week that is not its is a ValueError."""
    weekday = _weekday(of)
    if "G" in of:
        return dt.date.fromisocalendar(
            int(of["G"]), int(of["V"]), weekday + 1 if weekday is not None else 1
        )
    year = int(of["Y"]) if "Y" in of else _of_two_digits(int(of["y"]))
    if "j" in of:
        day = dt.date(year, 1, 1) + dt.timedelta(days=int(of["j"]) - 1)
        if day.year != year:
            raise ValueError(of["j"])
    else:
        day = dt.date(year, _month(of), int(of.get("d", "1")))
    if weekday is not None and day.weekday() != weekday:
        raise ValueError(weekday)
    return day


def _of_two_digits(year: int) -> int:
    """Return the year that POSIX and Python mean: 69 to 99 are of the last century."""
    return year + (1900 if year >= 69 else 2000)


def _month(of: dict[str, str]) -> int:
    name = of.get("B") or of.get("b")
    if name is None:
        return int(of.get("m", "1"))
    return next(n for n, month in enumerate(MONTHS, 1) if month[:3] == name[:3].lower())


def _weekday(of: dict[str, str]) -> int | None:
    """Return the day of the week, Monday 0."""
    name = of.get("A") or of.get("a")
    if name is not None:
        return next(n for n, day in enumerate(DAYS) if day[:3] == name[:3].lower())
    if "u" in of:
        return int(of["u"]) - 1
    return (int(of["w"]) - 1) % 7 if "w" in of else None


def _offset(of: dict[str, str]) -> dt.timedelta | None:
    if "Z" in of or of.get("z", "").lower() == "z":
        return dt.timedelta()
    written = of.get("z")
    if written is None:
        return None
    digits = written[1:].replace(":", "")
    if int(digits[:2]) > 23:
        raise ValueError(written)
    offset = dt.timedelta(
        hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:] or 0)
    )
    return -offset if written[0] == "-" else offset
